//! `Ingress`: where the events of other processes come in.
//!
//! Events for different subscribers do not wait for one another. Everything here ends with the
//! stream that it serves; what was taken by then is handled all the same, and its publisher, who
//! cannot know, delivers it again.

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

/// How many events of one publisher wait for one subscriber.
const MAX_WAITING: usize = 4096;
/// How many bytes of them: as many as a publisher sends ahead to one subscriber.
const WAITING_BYTES: usize = 32 << 20;
/// How many bytes of one publisher wait for one subscriber before they count among those of all.
const FREE: usize = 64 << 10;
/// How many bytes wait for the subscribers of this process, of all publishers.
pub(super) const WAITING_OF_ALL: usize = 128 << 20;
/// The most words of one message.
const MAX_REPORTS: usize = 1024;
/// How often a stream looks whether anybody is left to listen.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Why an event is refused whose subscriber nobody knows.
const ENDED_MESSAGE: &str = "the subscriber has ended";
/// How long an event of Go Micro may wait for room.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the events of other processes come in.
#[derive(Clone)]
pub(crate) struct Ingress {
    pub(super) local: Arc<LocalMembers>,
    pub(super) keep: Arc<OnceLock<DeadLetterSink>>,
    /// What waits for the subscribers of this process, of all publishers.
    pub(super) waiting: Arc<Total>,
}

/// What became of one event.
enum DeliveryUpdate {
    Taken(u64),
    Settled(u64, DeliveryOutcome),
    Refused(Refused),
}

/// An event that waits for its subscriber.
struct ParkedEvent {
    number: u64,
    inbox: Inbox,
    event: Arc<Event>,
    settle: AckHandle,
    deadline: Instant,
    /// The room that it takes while it waits.
    held: Held,
}

/// Events of one publisher that wait for one subscriber.
struct WaitingEvents {
    queue: mpsc::Sender<ParkedEvent>,
    /// How many there are, with the one whose turn it is.
    count: Arc<AtomicUsize>,
    /// Of how many bytes.
    budget: Arc<ByteBudget>,
}

impl Ingress {
    /// Serves a stream: takes batches in, gives words out, beginning with the subscribers that
    /// there are. Ends with the batches, or when no subscriber is left and everything is settled.
    ///
    /// # Errors
    ///
    /// What the stream ends with.
    pub(crate) async fn serve<Fut>(
        &self,
        mut batches: impl Stream<Item = Result<Batch>> + Unpin,
        send: impl Fn(DeliveryReport) -> Fut,
    ) -> Result<()>
    where
        Fut: Future<Output = Result<()>>,
    {
        // Bounded by what subscribers have room for and what waits for them.
        let (notes, mut heard) = mpsc::unbounded_channel();
        let mut waiting: HashMap<String, WaitingEvents> = HashMap::new();
        let mut forwarding = JoinSet::new();
        let mut ledger = Ledger::default();
        let mut versions = self.local.versions();
        // The list as it is now goes out first.
        versions.mark_changed();
        loop {
            tokio::select! {
                // An error cannot be: this door holds the other end.
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
                    // What is handled at once is told with what was taken.
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

    /// The subscribers that there are, if that is news: a publisher hears who has ended before it
    /// hears that an event was refused for it.
    fn present(&self, versions: &mut watch::Receiver<u64>) -> DeliveryReport {
        let mut report = DeliveryReport::default();
        if versions.has_changed().unwrap_or(false) {
            versions.mark_unchanged();
            self.local.prefix().clone_into(&mut report.process);
            report.subscribers = self.local.present();
        }
        report
    }

    /// Gives an event to its subscriber, or lets it wait for that behind those that do; what is
    /// known at once.
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

    /// Takes an event that a Go Micro program posted to a subscriber.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is none, `NotFound` when there is no such subscriber, and when it
    /// has no room.
    pub(crate) async fn receive(&self, subscriber: &str, body: &[u8]) -> Result<()> {
        let event = go_micro::read(body)?;
        let inbox = self.local.find(subscriber).ok_or_else(|| {
            Error::not_found(format!(
                "there is no subscriber `{}`",
                subscriber.escape_debug()
            ))
        })?;
        // The publisher forgets it now: what nobody handles is kept here.
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

/// What is known of the events of one stream that are not settled.
#[derive(Default)]
struct Ledger(HashMap<u64, State>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// It waits for its subscriber.
    WaitingEvents,
    /// It was given back before anybody said whether it was taken.
    Early,
    Taken,
}

impl Ledger {
    /// Writes a note down as words.
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
                // It is handled already.
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

/// Sends words, and what there is to add to them.
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

/// Puts events into an inbox, one after the other.
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

    /// Batches that were there at once, and then none for ever.
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
