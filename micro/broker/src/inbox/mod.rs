//! `Inbox`: the events that one subscriber has taken and not handled yet.
//!
//! Bounded; keeps order, retries, remembers ids. Does not know where events come from.

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

/// Takes an event that could not be handled.
pub(super) type DeadLetterHandler = Arc<
    dyn Fn(DeadLetter, Option<String>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

/// The events that one subscriber has taken and not handled yet: what a backend feeds.
///
/// Clones are the same inbox.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    id: u64,
    pattern: Pattern,
    options: Options,
    run: HandlerFn,
    dead_letter: DeadLetterHandler,
    /// Set with the lanes' own mark, for those who only look.
    closed: AtomicBool,
    lanes: Mutex<KeyedQueues>,
    /// Wakes one worker for its lane.
    wakes: Vec<Notify>,
    /// Wakes any worker.
    free: Notify,
    /// Woken when the last event has gone.
    empty: Notify,
    /// Cancelled when no more events are handled.
    closing: CancellationToken,
    workers: Mutex<JoinSet<()>>,
}

impl Inbox {
    /// An inbox whose workers run on the current runtime.
    #[doc(hidden)]
    pub fn start(
        pattern: Pattern,
        options: Options,
        run: HandlerFn,
        dead_letter: DeadLetterHandler,
    ) -> Self {
        // For the whole process, not for a broker or a backend: several brokers may share a
        // backend, and a backend of another crate tells inboxes apart by this number alone. It is
        // only counted up; two apps in one process do not learn of each other by it.
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

    /// What tells it from every other inbox of this process.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The topics that it is for.
    pub fn pattern(&self) -> &Pattern {
        &self.0.pattern
    }

    /// The queue that it is a member of.
    pub fn queue(&self) -> Option<&str> {
        self.0.options.queue.as_deref()
    }

    /// What the subscriber is called.
    pub fn name(&self) -> &str {
        match self.0.options.name.as_str() {
            "" => self.0.pattern.as_str(),
            name => name,
        }
    }

    /// Whether it takes no more events.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Puts an event in; waits for room until the deadline. Events that are pushed one after the
    /// other, by the first poll of each, are in in that order. An event that is here already, by
    /// its id, or was handled is not put in again: whoever sends it shares in its outcome.
    ///
    /// # Errors
    ///
    /// `ResourceExhausted` when there is no room in time, `Unavailable` when the subscriber has
    /// ended.
    ///
    /// # Cancel safety
    ///
    /// When dropped while it waits for room, the event is not put in unless it has just been.
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
                    // It has just left the line; whoever took it out is telling where it went.
                    Err(_) => told.await,
                };
                heard.map_err(|_| self.ended())
            }
        }
    }

    /// Puts an event in if there is room at once.
    ///
    /// # Errors
    ///
    /// The settlement, unused, when there is no room.
    pub fn try_push(&self, event: &Arc<Event>, settle: AckHandle) -> Result<(), AckHandle> {
        if event.id.is_empty() {
            return Err(settle);
        }
        let lane = self.0.lanes().try_enter(event, settle)?;
        self.0.wake(lane);
        Ok(())
    }

    /// Takes no more events, finishes those that are being handled within `grace`, gives the rest
    /// back to their senders.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves what is being handled running until the inbox is dropped.
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
        // Further senders of what was cut.
        drop(self.0.lanes().ids().forget_all());
        self.0.gone();
    }

    /// Takes no more events and handles none of those that wait.
    pub(super) fn close(&self) {
        let waiting = self.0.lanes().close();
        self.0.closed.store(true, Ordering::Release);
        drop(waiting);
        self.0.closing.cancel();
        self.give_back();
    }

    /// Ends everything at once.
    pub(super) fn abort(&self) {
        self.close();
        self.take_workers().abort_all();
    }

    /// Waits until no event is here, neither waiting nor being handled.
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
        // No code panics while it holds the lock halfway through a change.
        self.lanes.lock()
    }

    /// Wakes who may handle what has come.
    fn wake(&self, lane: Option<usize>) {
        match lane {
            Some(lane) => self.wakes[lane].notify_one(),
            None => self.free.notify_one(),
        }
    }

    /// Gives an event back to its senders.
    fn give_back(&self, item: QueuedEvent) {
        let others = self.lanes().ids().forget(&item.id);
        drop(item);
        drop(others);
        self.gone();
    }

    /// An event has gone: another may come in.
    fn gone(&self) {
        let mut lanes = self.lanes();
        let admitted = lanes.admit();
        let empty = lanes.is_empty();
        drop(lanes);
        for (told, lane) in admitted {
            let _ = told.send(()); // Whoever has just given up is in all the same.
            self.wake(lane);
        }
        if empty {
            self.empty.notify_waiters();
        }
    }
}

/// A place in the line; left when dropped.
struct WaitGuard<'a> {
    shared: &'a Shared,
    number: u64,
}

impl WaitGuard<'_> {
    /// Whether it was in the line.
    fn leave(&self) -> bool {
        let left = self.shared.lanes().leave(self.number);
        // Its sender hears of it when the lock is free.
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

    /// An inbox of so many bytes whose events are handled once they are let go.
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
        // A small one has room; what is handled makes room for the next.
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
