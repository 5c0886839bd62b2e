//! [`Ingress`]: receives the events of other processes.
//!
//! Events for different subscribers do not block one another. All state of a stream ends with the
//! stream. Events that were accepted by then are still handled; the publisher cannot know this and
//! delivers them again.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use super::go_micro;
use super::wire::{Batch, DeliveryReport, Envelope, Refused};
use micro_broker::DeadLetterSink;
use micro_broker::Event;
use micro_broker::Inbox;
use micro_broker::internal::LocalMembers;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_core::internal::deadline_after;
use micro_core::internal::spawn_in;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wake::{ByteBudget, Full, Held, Total};

/// Maximum number of events from one publisher that wait for one subscriber.
const MAX_WAITING: usize = 4096;
/// Maximum size of these events in bytes: the amount that a publisher sends ahead to one
/// subscriber.
const WAITING_BYTES: usize = 32 << 20;
/// Number of bytes that may wait per publisher and subscriber without counting towards
/// [`WAITING_OF_ALL`].
const FREE: usize = 64 << 10;
/// Maximum size in bytes of the events that wait for the subscribers of this process, from all
/// publishers.
pub(super) const WAITING_OF_ALL: usize = 128 << 20;
/// Maximum number of updates in one report.
const MAX_REPORTS: usize = 1024;
/// Interval at which an idle stream checks whether any subscriber is left.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Reason in the refusal of an event whose subscriber is unknown.
const ENDED_MESSAGE: &str = "the subscriber has ended";
/// Maximum time that an event posted by a Go Micro program waits for room.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives the events of other processes and passes them to the subscribers of this process.
#[derive(Clone)]
pub(crate) struct Ingress {
    pub(super) local: Arc<LocalMembers>,
    pub(super) keep: Arc<OnceLock<DeadLetterSink>>,
    /// Bytes of the events that wait for the subscribers of this process, from all publishers.
    pub(super) waiting: Arc<Total>,
}

/// Change of the state of one event, to be reported to its publisher.
enum DeliveryUpdate {
    Taken(u64),
    Settled(u64, DeliveryOutcome),
    Refused(Refused),
}

/// An event that waits for room in its subscriber's inbox.
struct ParkedEvent {
    number: u64,
    inbox: Inbox,
    event: Arc<Event>,
    settle: AckHandle,
    deadline: Instant,
    /// The bytes that the event occupies while it waits.
    held: Held,
}

/// Events of one publisher that wait for one subscriber.
struct WaitingEvents {
    queue: mpsc::Sender<ParkedEvent>,
    /// Number of waiting events, including the one that is being pushed.
    count: Arc<AtomicUsize>,
    /// Byte budget of the waiting events.
    budget: Arc<ByteBudget>,
}

impl Ingress {
    /// Serves one stream: receives batches and sends delivery reports. The first report lists the
    /// subscribers of this process.
    ///
    /// Returns when the batches end, or when no subscriber is left and every event has an outcome.
    ///
    /// # Errors
    ///
    /// Returns the error that ended the stream.
    pub(crate) async fn serve<Fut>(
        &self,
        mut batches: impl Stream<Item = Result<Batch>> + Unpin,
        send: impl Fn(DeliveryReport) -> Fut,
    ) -> Result<()>
    where
        Fut: Future<Output = Result<()>>,
    {
        // The subscribers' capacities and the limits on waiting events bound this channel.
        let (notes, mut heard) = mpsc::unbounded_channel();
        let mut waiting: HashMap<String, WaitingEvents> = HashMap::new();
        let mut forwarding = JoinSet::new();
        let mut ledger = Ledger::default();
        let mut versions = self.local.versions();
        // Send the current list of subscribers first.
        versions.mark_changed();
        loop {
            tokio::select! {
                // `changed` cannot fail, because `self.local` holds the sender.
                Ok(()) = versions.changed() => {
                    versions.mark_changed();
                    let report = self.present(&mut versions);
                    self::send(report, &mut heard, &mut ledger, &send).await?;
                }
                batch = next(&mut batches) => {
                    let Some(batch) = batch else { return Ok(()) };
                    let mut report = self.present(&mut versions);
                    for sent in batch?.events {
                        let number = sent.number;
                        ledger.0.insert(number, State::WaitingEvents);
                        let note = self.forward(sent, &notes, &mut waiting, &mut forwarding);
                        if let Some(note) = note {
                            ledger.note(note, &mut report);
                        }
                    }
                    // Lets handlers that finish immediately run, so that their outcomes go into
                    // this report.
                    yield_now().await;
                    self::send(report, &mut heard, &mut ledger, &send).await?;
                }
                Some(note) = heard.recv() => {
                    let mut report = self.present(&mut versions);
                    ledger.note(note, &mut report);
                    self::send(report, &mut heard, &mut ledger, &send).await?;
                }
                () = sleep(CHECK_INTERVAL), if ledger.0.is_empty() => {
                    if self.local.is_closed() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Creates a report with the list of subscribers if the list has changed since the last report.
    /// The list is sent before any refusal, so that a publisher learns that a subscriber has ended
    /// before it receives the refusal of an event for that subscriber.
    fn present(&self, versions: &mut watch::Receiver<u64>) -> DeliveryReport {
        let mut report = DeliveryReport::default();
        if versions.has_changed().unwrap_or(false) {
            versions.mark_unchanged();
            self.local.prefix().clone_into(&mut report.process);
            report.subscribers = self.local.present();
        }
        report
    }

    /// Pushes an event into its subscriber's inbox. If the inbox is full, queues the event behind
    /// the others that wait for it. Returns the update that is known immediately, if any.
    fn forward(
        &self,
        sent: Envelope,
        notes: &mpsc::UnboundedSender<DeliveryUpdate>,
        waiting: &mut HashMap<String, WaitingEvents>,
        forwarding: &mut JoinSet<()>,
    ) -> Option<DeliveryUpdate> {
        let (number, subscriber) = (sent.number, sent.subscriber.clone());
        let size = sent.size();
        let deadline = deadline_after(Instant::now(), sent.patience);
        let told = notes.clone();
        let settle =
            AckHandle::new(move |outcome| tell(&told, DeliveryUpdate::Settled(number, outcome)));
        let (inbox, event) = match (self.local.find(&subscriber), sent.into_event()) {
            (Some(inbox), Ok(event)) => (inbox, Arc::new(event)),
            (None, _) => return Some(refused(number, &Error::unavailable(ENDED_MESSAGE))),
            (_, Err(error)) => return Some(refused(number, &error)),
        };
        let known = waiting.get(&subscriber);
        let first = known.is_none_or(|known| known.count.load(Ordering::Acquire) == 0);
        let tried = if first {
            inbox.try_push(&event, settle)
        } else {
            Err(settle)
        };
        let Err(settle) = tried else {
            return Some(DeliveryUpdate::Taken(number));
        };
        let known = waiting.entry(subscriber).or_insert_with(|| {
            let (queue, receiver) = mpsc::channel(MAX_WAITING);
            let count = Arc::<AtomicUsize>::default();
            spawn_in(
                forwarding,
                pass(receiver, Arc::clone(&count), notes.clone()),
            );
            let budget = ByteBudget::new(WAITING_BYTES, FREE, &self.waiting, (0, 0));
            WaitingEvents {
                queue,
                count,
                budget,
            }
        });
        let held = match known.budget.hold(size) {
            Ok(held) => held,
            Err(Full::ByteBudget(limit) | Full::Total(limit)) => {
                let text = format!("events of {limit} bytes wait for subscribers already");
                return Some(refused(number, &Error::resource_exhausted(text)));
            }
        };
        known.count.fetch_add(1, Ordering::AcqRel);
        let parked = ParkedEvent {
            number,
            inbox,
            event,
            settle,
            deadline,
            held,
        };
        if known.queue.try_send(parked).is_ok() {
            return None;
        }
        known.count.fetch_sub(1, Ordering::AcqRel);
        let text = format!("{MAX_WAITING} events wait for the subscriber already");
        Some(refused(number, &Error::resource_exhausted(text)))
    }

    /// Accepts an event that a Go Micro program posted to a subscriber.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the body is not a valid event, `NotFound` if the subscriber
    /// does not exist, and the inbox's error if it has no room.
    pub(crate) async fn receive(&self, subscriber: &str, body: &[u8]) -> Result<()> {
        let event = go_micro::read(body)?;
        let inbox = self.local.find(subscriber).ok_or_else(|| {
            Error::not_found(format!(
                "there is no subscriber `{}`",
                subscriber.escape_debug()
            ))
        })?;
        // The publisher discards the event now, so an event that is not handled becomes a dead
        // letter.
        let (keep, copy) = (Arc::clone(&self.keep), event.clone());
        let settle = AckHandle::new(move |outcome| {
            if let (DeliveryOutcome::Returned, Some(keep)) = (outcome, keep.get()) {
                keep(go_micro::unhandled(copy));
            }
        });
        inbox
            .push(event, settle, Instant::now() + POST_TIMEOUT)
            .await
    }
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress").finish_non_exhaustive()
    }
}

/// State of the events of one stream that have no outcome yet.
#[derive(Default)]
struct Ledger(HashMap<u64, State>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// The event waits for its subscriber.
    WaitingEvents,
    /// The event was returned before it was reported as taken.
    Early,
    Taken,
}

impl Ledger {
    /// Applies an update to the ledger and adds it to the report.
    fn note(&mut self, note: DeliveryUpdate, report: &mut DeliveryReport) {
        match note {
            DeliveryUpdate::Taken(number) => match self.0.get(&number) {
                Some(State::WaitingEvents) => {
                    self.0.insert(number, State::Taken);
                    report.taken.push(number);
                }
                Some(State::Early) => {
                    self.0.remove(&number);
                    report.taken.push(number);
                    report.returned.push(number);
                }
                // The event has been handled already.
                Some(State::Taken) | None => {}
            },
            DeliveryUpdate::Refused(refused) => {
                self.0.remove(&refused.number);
                report.refused.push(refused);
            }
            DeliveryUpdate::Settled(number, DeliveryOutcome::Handled) => {
                self.0.remove(&number);
                report.handled.push(number);
            }
            DeliveryUpdate::Settled(number, DeliveryOutcome::Returned) => match self.0.get(&number)
            {
                Some(State::WaitingEvents) => {
                    self.0.insert(number, State::Early);
                }
                Some(State::Taken) => {
                    self.0.remove(&number);
                    report.returned.push(number);
                }
                Some(State::Early) | None => {}
            },
        }
    }
}

/// Sends a report, together with the updates that are ready.
async fn send<Fut: Future<Output = Result<()>>>(
    mut report: DeliveryReport,
    heard: &mut mpsc::UnboundedReceiver<DeliveryUpdate>,
    ledger: &mut Ledger,
    send: &impl Fn(DeliveryReport) -> Fut,
) -> Result<()> {
    for _ in 1..MAX_REPORTS {
        let Ok(note) = heard.try_recv() else { break };
        ledger.note(note, &mut report);
    }
    if report.is_empty() {
        return Ok(());
    }
    send(report).await
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// Pushes queued events into an inbox, one after the other.
async fn pass(
    mut queue: mpsc::Receiver<ParkedEvent>,
    count: Arc<AtomicUsize>,
    notes: mpsc::UnboundedSender<DeliveryUpdate>,
) {
    while let Some(parked) = queue.recv().await {
        let ParkedEvent {
            number,
            inbox,
            event,
            settle,
            deadline,
            held,
        } = parked;
        let note = match inbox.push(event, settle, deadline).await {
            Ok(()) => DeliveryUpdate::Taken(number),
            Err(error) => refused(number, &error),
        };
        drop(held);
        count.fetch_sub(1, Ordering::AcqRel);
        tell(&notes, note);
    }
}

fn refused(number: u64, error: &Error) -> DeliveryUpdate {
    DeliveryUpdate::Refused(Refused {
        number,
        full: error.kind() == ErrorKind::ResourceExhausted,
        reason: error.message().to_owned(),
    })
}

fn tell(notes: &mpsc::UnboundedSender<DeliveryUpdate>, note: DeliveryUpdate) {
    let _ = notes.send(note); // The stream may have ended.
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::{Context, Poll};

    use super::*;
    use micro_broker::Event;
    use micro_broker::Inbox;
    use micro_broker::Options;
    use micro_broker::Pattern;
    use micro_broker::internal::HandlerFn;

    /// Stream that yields its batches immediately and then stays pending.
    struct Sending(Vec<Batch>);

    impl Stream for Sending {
        type Item = Result<Batch>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0
                .pop()
                .map_or(Poll::Pending, |batch| Poll::Ready(Some(Ok(batch))))
        }
    }

    fn sent(number: u64, subscriber: &str, delay: Duration) -> Envelope {
        let mut event = Event::raw("a", "application/json", "{}").unwrap();
        (event.id, event.delay) = (number.to_string(), delay);
        let sent = Envelope::new(subscriber, &event, Duration::MAX);
        Envelope { number, ..sent }
    }

    #[tokio::test(start_paused = true)]
    async fn no_length_of_time_and_no_name_that_a_peer_makes_up_does_harm() {
        let local = Arc::new(LocalMembers::default());
        let run: HandlerFn = Arc::new(|_, _| Box::pin(async { Ok(()) }));
        let bury = Arc::new(|_, _| Box::pin(async {}) as Pin<Box<dyn Future<Output = ()> + Send>>);
        let pattern = Pattern::parse("a").unwrap();
        let id = local.add(Inbox::start(pattern, Options::new(), run, bury));
        let mut events = vec![
            sent(0, &id, Duration::MAX),
            sent(1, &id, Duration::from_secs(u64::MAX / 2)),
            sent(2, &id, Duration::ZERO),
        ];
        events.extend((3..100).map(|number| sent(number, &format!("x{number}"), Duration::ZERO)));
        let door = Ingress {
            local,
            keep: Arc::default(),
            waiting: Total::new(WAITING_OF_ALL),
        };
        let heard = Mutex::new(DeliveryReport::default());
        let hearing = |report: DeliveryReport| {
            let mut heard = heard.lock().unwrap();
            heard.taken.extend(report.taken);
            heard.handled.extend(report.handled);
            heard.refused.extend(report.refused);
            async { Ok(()) }
        };
        let serving = door.serve(Sending(vec![Batch { events }]), hearing);
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, serving).await.is_err());
        let mut heard = heard.into_inner().unwrap();
        heard.taken.sort_unstable();
        assert_eq!((heard.taken, heard.handled), (vec![0, 1, 2], vec![2]));
        assert_eq!(heard.refused.len(), 97);
    }
}
