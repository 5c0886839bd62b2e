//! [`Inbox`]: the events that one subscriber has accepted and not handled yet.
//!
//! An inbox is bounded, preserves order, retries failed events and removes duplicates by id. It is
//! independent of the origin of the events.

mod keyed_queues;
mod seen_ids;
mod wait_queue;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use micro_core::internal::spawn_in;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::keyed_queues::{Admission, KeyedQueues, QueuedEvent};
use crate::ack_handle::AckHandle;
use crate::dead_letter::DeadLetter;
use crate::delivery::HandlerFn;
use crate::options::Options;
use crate::record::{Event, random_id};
use crate::topic::Pattern;
use micro_message::error::{Error, ErrorKind, Result};

/// Function that receives the events that could not be handled, with the dead-letter topic.
pub(super) type DeadLetterHandler = Arc<
    dyn Fn(DeadLetter, Option<String>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

/// Bounded queue of the events that one subscriber has accepted and not handled yet. Backends push
/// events into it.
///
/// Clones refer to the same inbox.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    id: u64,
    pattern: Pattern,
    options: Options,
    run: HandlerFn,
    dead_letter: DeadLetterHandler,
    /// Copy of the `closed` flag in `lanes` that can be read without the lock.
    closed: AtomicBool,
    lanes: Mutex<KeyedQueues>,
    /// Wakes one worker, for events in its own queue.
    wakes: Vec<Notify>,
    /// Wakes any worker, for unordered events.
    free: Notify,
    /// Notified when the inbox becomes empty.
    empty: Notify,
    /// Cancelled when the workers must not start further events.
    closing: CancellationToken,
    workers: Mutex<JoinSet<()>>,
}

impl Inbox {
    /// Creates an inbox whose workers run on the current runtime.
    #[doc(hidden)]
    pub fn start(
        pattern: Pattern,
        options: Options,
        run: HandlerFn,
        dead_letter: DeadLetterHandler,
    ) -> Self {
        // The counter is global to the process because several brokers may share a backend, and a
        // backend in another crate distinguishes inboxes by this number alone. It only counts up,
        // so two apps in one process cannot influence each other through it.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let workers = options.concurrency;
        let shared = Arc::new(Shared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            closed: AtomicBool::new(false),
            lanes: Mutex::new(KeyedQueues::new(&options)),
            wakes: (0..workers).map(|_| Notify::new()).collect(),
            free: Notify::new(),
            empty: Notify::new(),
            closing: CancellationToken::new(),
            workers: Mutex::default(),
            pattern,
            options,
            run,
            dead_letter,
        });
        let mut running = shared.workers.lock();
        for worker in 0..workers {
            spawn_in(&mut running, worker::work(Arc::clone(&shared), worker));
        }
        drop(running);
        Self(shared)
    }

    /// Returns the id of the inbox, unique within this process.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns the pattern of the topics that the subscriber receives.
    pub fn pattern(&self) -> &Pattern {
        &self.0.pattern
    }

    /// Returns the queue that the subscriber is a member of.
    pub fn queue(&self) -> Option<&str> {
        self.0.options.queue.as_deref()
    }

    /// Returns the subscriber's name.
    pub fn name(&self) -> &str {
        match self.0.options.name.as_str() {
            "" => self.0.pattern.as_str(),
            name => name,
        }
    }

    /// Returns whether the inbox rejects new events.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Adds an event. Waits for room until the deadline.
    ///
    /// Events are added in the order of the first polls of their futures. An event whose id is
    /// already in the inbox, or was handled, is not added again; its sender receives the outcome of
    /// the first one.
    ///
    /// # Errors
    ///
    /// Returns `ResourceExhausted` if the inbox has no room by the deadline, and `Unavailable` if
    /// the subscriber has ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while it waits for room, the event is not added, unless it was
    /// admitted just before.
    pub async fn push(
        &self,
        event: impl Into<Arc<Event>>,
        settle: AckHandle,
        deadline: Instant,
    ) -> Result<()> {
        let (shared, mut event) = (&self.0, event.into());
        if event.id.is_empty() {
            Arc::make_mut(&mut event).id = random_id();
        }
        let entered = shared.lanes().enter(event, settle);
        match entered {
            Admission::In(lane) => {
                shared.wake(lane);
                Ok(())
            }
            Admission::Known => Ok(()),
            Admission::Closed => Err(self.ended()),
            Admission::Waits(number, mut told) => {
                let place = WaitGuard { shared, number };
                let heard = match timeout_at(deadline, &mut told).await {
                    Ok(heard) => heard,
                    Err(_) if place.leave() => return Err(self.full()),
                    // The event has just been removed from the wait queue, so its result is about
                    // to arrive.
                    Err(_) => told.await,
                };
                heard.map_err(|_| self.ended())
            }
        }
    }

    /// Adds an event if there is room immediately.
    ///
    /// # Errors
    ///
    /// Returns `settle` unused if the inbox has no room.
    pub fn try_push(&self, event: &Arc<Event>, settle: AckHandle) -> Result<(), AckHandle> {
        if event.id.is_empty() {
            return Err(settle);
        }
        let lane = self.0.lanes().try_enter(event, settle)?;
        self.0.wake(lane);
        Ok(())
    }

    /// Rejects new events, finishes the events being handled within `grace`, and returns the rest
    /// to their senders.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the running handlers are aborted.
    pub(super) async fn drain(&self, grace: Duration) {
        self.close();
        let mut workers = self.take_workers();
        let ended = timeout(grace, async {
            while workers.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(
                subscriber = self.name(),
                ?grace,
                "events cut at the end of the drain"
            );
        }
        workers.shutdown().await;
        self.give_back();
        // Returns the additional senders of aborted events.
        drop(self.0.lanes().ids().forget_all());
        self.0.gone();
    }

    /// Rejects new events and returns the queued ones to their senders.
    pub(super) fn close(&self) {
        let waiting = self.0.lanes().close();
        self.0.closed.store(true, Ordering::Release);
        drop(waiting);
        self.0.closing.cancel();
        self.give_back();
    }

    /// Closes the inbox and aborts the running handlers.
    pub(super) fn abort(&self) {
        self.close();
        self.take_workers().abort_all();
    }

    /// Waits until the inbox is empty: no event is queued or being handled.
    pub(super) async fn idle(&self) {
        loop {
            let empty = self.0.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.0.lanes().is_empty() {
                return;
            }
            empty.await;
        }
    }

    fn give_back(&self) {
        let waiting = self.0.lanes().clear();
        for item in waiting {
            self.0.give_back(item);
        }
    }

    fn take_workers(&self) -> JoinSet<()> {
        let mut workers = self.0.workers.lock();
        std::mem::take(&mut *workers)
    }

    fn full(&self) -> Error {
        let (name, options) = (self.name(), &self.0.options);
        let text = if self.0.lanes().is_full_by_count() {
            format!("{} events wait (`capacity`)", options.capacity)
        } else {
            format!(
                "events of {} bytes may wait (`capacity_bytes`)",
                options.capacity_bytes
            )
        };
        Error::resource_exhausted(format!("subscriber `{name}` is full: {text}"))
    }

    fn ended(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!("subscriber `{}` has ended", self.name()),
        )
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, KeyedQueues> {
        // No code panics while it holds the lock in the middle of a change.
        self.lanes.lock()
    }

    /// Wakes a worker that can handle the new event.
    fn wake(&self, lane: Option<usize>) {
        match lane {
            Some(lane) => self.wakes[lane].notify_one(),
            None => self.free.notify_one(),
        }
    }

    /// Returns an event to its senders.
    fn give_back(&self, item: QueuedEvent) {
        let others = self.lanes().ids().forget(&item.id);
        drop(item);
        drop(others);
        self.gone();
    }

    /// Called after an event was removed: admits waiting events and notifies `idle`.
    fn gone(&self) {
        let mut lanes = self.lanes();
        let admitted = lanes.admit();
        let empty = lanes.is_empty();
        drop(lanes);
        for (told, lane) in admitted {
            let _ = told.send(()); // The sender may have given up; its event is added anyway.
            self.wake(lane);
        }
        if empty {
            self.empty.notify_waiters();
        }
    }
}

/// Position in the wait queue. The event leaves the queue when the guard is dropped.
struct WaitGuard<'a> {
    shared: &'a Shared,
    number: u64,
}

impl WaitGuard<'_> {
    /// Removes the event from the wait queue. Returns whether it was still there.
    fn leave(&self) -> bool {
        let left = self.shared.lanes().leave(self.number);
        // The event is dropped after the lock is released, because that reports the outcome to its
        // sender.
        left.is_some()
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("pattern", &self.0.pattern)
            .field("queue", &self.0.options.queue)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates an inbox of `bytes` bytes whose handler finishes one event per notification.
    fn inbox(bytes: usize) -> (Inbox, Arc<Notify>) {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        let run: HandlerFn = Arc::new(move |_, _| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.notified().await;
                Ok(())
            })
        });
        let dead_letter: DeadLetterHandler = Arc::new(|_, _| Box::pin(async {}));
        let options = Options::new().capacity_bytes(bytes).name("audit");
        let pattern = Pattern::parse("a").unwrap();
        (Inbox::start(pattern, options, run, dead_letter), go)
    }

    fn event(bytes: usize) -> Event {
        Event::raw("a", "text/plain", vec![7; bytes]).unwrap()
    }

    #[tokio::test]
    async fn events_that_leave_no_room_in_bytes_wait_as_those_that_leave_none_in_number() {
        let (inbox, go) = inbox(1000);
        let soon = || Instant::now() + Duration::from_millis(50);
        let later = Instant::now() + Duration::from_secs(30);
        let settle = AckHandle::nobody;
        inbox.push(event(400), settle(), later).await.unwrap();
        inbox.push(event(400), settle(), later).await.unwrap();
        let error = inbox.push(event(400), settle(), soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        let expected = "subscriber `audit` is full: events of 1000 bytes may wait \
                        (`capacity_bytes`)";
        assert_eq!(error.message(), expected);
        assert!(inbox.try_push(&Arc::new(event(400)), settle()).is_err());
        // A small event has room. A handled event makes room for the next one.
        inbox.push(event(10), settle(), later).await.unwrap();
        go.notify_one();
        inbox.push(event(400), settle(), later).await.unwrap();
    }

    #[tokio::test]
    async fn event_that_is_larger_than_the_room_passes_alone() {
        let (inbox, go) = inbox(1000);
        let later = Instant::now() + Duration::from_secs(30);
        inbox
            .push(event(5000), AckHandle::nobody(), later)
            .await
            .unwrap();
        go.notify_one();
        inbox.idle().await;
    }
}
