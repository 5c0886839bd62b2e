//! `Door`: where the events of other processes come in.
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

use super::gomicro;
use super::wire::{Batch, Refused, Sent, Words};
use micro_broker::DeadLetterSink;
use micro_broker::Event;
use micro_broker::Inbox;
use micro_broker::internal::LocalMembers;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_core::internal::later;
use micro_core::internal::spawn_in;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wake::{ByteBudget, Full, Held, Total};

/// How many events of one publisher wait for one subscriber.
const WAITING: usize = 4096;
/// How many bytes of them: as many as a publisher sends ahead to one subscriber.
const WAITING_BYTES: usize = 32 << 20;
/// How many bytes of one publisher wait for one subscriber before they count among those of all.
const FREE: usize = 64 << 10;
/// How many bytes wait for the subscribers of this process, of all publishers.
pub(super) const WAITING_OF_ALL: usize = 128 << 20;
/// The most words of one message.
const WORDS: usize = 1024;
/// How often a stream looks whether anybody is left to listen.
const LOOK: Duration = Duration::from_millis(100);
/// Why an event is refused whose subscriber nobody knows.
const ENDED: &str = "the subscriber has ended";
/// How long an event of Go Micro may wait for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the events of other processes come in.
#[derive(Clone)]
pub(crate) struct Door {
    pub(super) local: Arc<LocalMembers>,
    pub(super) keep: Arc<OnceLock<DeadLetterSink>>,
    /// What waits for the subscribers of this process, of all publishers.
    pub(super) waiting: Arc<Total>,
}

/// What became of one event.
enum Note {
    Taken(u64),
    Settled(u64, DeliveryOutcome),
    Refused(Refused),
}

/// An event that waits for its subscriber.
struct Parked {
    number: u64,
    inbox: Inbox,
    event: Arc<Event>,
    settle: AckHandle,
    deadline: Instant,
    /// The room that it takes while it waits.
    held: Held,
}

/// Events of one publisher that wait for one subscriber.
struct Waiting {
    queue: mpsc::Sender<Parked>,
    /// How many there are, with the one whose turn it is.
    count: Arc<AtomicUsize>,
    /// Of how many bytes.
    budget: Arc<ByteBudget>,
}

impl Door {
    /// Serves a stream: takes batches in, gives words out, beginning with the subscribers that
    /// there are. Ends with the batches, or when no subscriber is left and everything is settled.
    ///
    /// # Errors
    ///
    /// What the stream ends with.
    pub(crate) async fn serve<Fut>(
        &self,
        mut batches: impl Stream<Item = Result<Batch>> + Unpin,
        send: impl Fn(Words) -> Fut,
    ) -> Result<()>
    where
        Fut: Future<Output = Result<()>>,
    {
        // Bounded by what subscribers have room for and what waits for them.
        let (notes, mut heard) = mpsc::unbounded_channel();
        let mut waiting: HashMap<String, Waiting> = HashMap::new();
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
                    let words = self.present(&mut versions);
                    self::send(words, &mut heard, &mut ledger, &send).await?;
                }
                batch = next(&mut batches) => {
                    let Some(batch) = batch else { return Ok(()) };
                    let mut words = self.present(&mut versions);
                    for sent in batch?.events {
                        let number = sent.number;
                        ledger.0.insert(number, State::Waiting);
                        let note = self.forward(sent, &notes, &mut waiting, &mut forwarding);
                        if let Some(note) = note {
                            ledger.note(note, &mut words);
                        }
                    }
                    // What is handled at once is told with what was taken.
                    yield_now().await;
                    self::send(words, &mut heard, &mut ledger, &send).await?;
                }
                Some(note) = heard.recv() => {
                    let mut words = self.present(&mut versions);
                    ledger.note(note, &mut words);
                    self::send(words, &mut heard, &mut ledger, &send).await?;
                }
                () = sleep(LOOK), if ledger.0.is_empty() => {
                    if self.local.is_closed() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The subscribers that there are, if that is news: a publisher hears who has ended before it
    /// hears that an event was refused for it.
    fn present(&self, versions: &mut watch::Receiver<u64>) -> Words {
        let mut words = Words::default();
        if versions.has_changed().unwrap_or(false) {
            versions.mark_unchanged();
            self.local.prefix().clone_into(&mut words.process);
            words.subscribers = self.local.present();
        }
        words
    }

    /// Gives an event to its subscriber, or lets it wait for that behind those that do; what is
    /// known at once.
    fn forward(
        &self,
        sent: Sent,
        notes: &mpsc::UnboundedSender<Note>,
        waiting: &mut HashMap<String, Waiting>,
        forwarding: &mut JoinSet<()>,
    ) -> Option<Note> {
        let (number, subscriber) = (sent.number, sent.subscriber.clone());
        let size = sent.size();
        let deadline = later(Instant::now(), sent.patience);
        let told = notes.clone();
        let settle = AckHandle::new(move |outcome| tell(&told, Note::Settled(number, outcome)));
        let (inbox, event) = match (self.local.find(&subscriber), sent.into_event()) {
            (Some(inbox), Ok(event)) => (inbox, Arc::new(event)),
            (None, _) => return Some(refused(number, &Error::unavailable(ENDED))),
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
            return Some(Note::Taken(number));
        };
        let known = waiting.entry(subscriber).or_insert_with(|| {
            let (queue, receiver) = mpsc::channel(WAITING);
            let count = Arc::<AtomicUsize>::default();
            spawn_in(
                forwarding,
                pass(receiver, Arc::clone(&count), notes.clone()),
            );
            let budget = ByteBudget::new(WAITING_BYTES, FREE, &self.waiting, (0, 0));
            Waiting {
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
        let parked = Parked {
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
        let text = format!("{WAITING} events wait for the subscriber already");
        Some(refused(number, &Error::resource_exhausted(text)))
    }

    /// Takes an event that a Go Micro program posted to a subscriber.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is none, `NotFound` when there is no such subscriber, and when it
    /// has no room.
    pub(crate) async fn receive(&self, subscriber: &str, body: &[u8]) -> Result<()> {
        let event = gomicro::read(body)?;
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
                keep(gomicro::unhandled(copy));
            }
        });
        inbox.push(event, settle, Instant::now() + PATIENCE).await
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

/// What is known of the events of one stream that are not settled.
#[derive(Default)]
struct Ledger(HashMap<u64, State>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// It waits for its subscriber.
    Waiting,
    /// It was given back before anybody said whether it was taken.
    Early,
    Taken,
}

impl Ledger {
    /// Writes a note down as words.
    fn note(&mut self, note: Note, words: &mut Words) {
        match note {
            Note::Taken(number) => match self.0.get(&number) {
                Some(State::Waiting) => {
                    self.0.insert(number, State::Taken);
                    words.taken.push(number);
                }
                Some(State::Early) => {
                    self.0.remove(&number);
                    words.taken.push(number);
                    words.returned.push(number);
                }
                // It is handled already.
                Some(State::Taken) | None => {}
            },
            Note::Refused(refused) => {
                self.0.remove(&refused.number);
                words.refused.push(refused);
            }
            Note::Settled(number, DeliveryOutcome::Handled) => {
                self.0.remove(&number);
                words.handled.push(number);
            }
            Note::Settled(number, DeliveryOutcome::Returned) => match self.0.get(&number) {
                Some(State::Waiting) => {
                    self.0.insert(number, State::Early);
                }
                Some(State::Taken) => {
                    self.0.remove(&number);
                    words.returned.push(number);
                }
                Some(State::Early) | None => {}
            },
        }
    }
}

/// Sends words, and what there is to add to them.
async fn send<Fut: Future<Output = Result<()>>>(
    mut words: Words,
    heard: &mut mpsc::UnboundedReceiver<Note>,
    ledger: &mut Ledger,
    send: &impl Fn(Words) -> Fut,
) -> Result<()> {
    for _ in 1..WORDS {
        let Ok(note) = heard.try_recv() else { break };
        ledger.note(note, &mut words);
    }
    if words.is_empty() {
        return Ok(());
    }
    send(words).await
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// Puts events into an inbox, one after the other.
async fn pass(
    mut queue: mpsc::Receiver<Parked>,
    count: Arc<AtomicUsize>,
    notes: mpsc::UnboundedSender<Note>,
) {
    while let Some(parked) = queue.recv().await {
        let Parked {
            number,
            inbox,
            event,
            settle,
            deadline,
            held,
        } = parked;
        let note = match inbox.push(event, settle, deadline).await {
            Ok(()) => Note::Taken(number),
            Err(error) => refused(number, &error),
        };
        drop(held);
        count.fetch_sub(1, Ordering::AcqRel);
        tell(&notes, note);
    }
}

fn refused(number: u64, error: &Error) -> Note {
    Note::Refused(Refused {
        number,
        full: error.kind() == ErrorKind::ResourceExhausted,
        reason: error.message().to_owned(),
    })
}

fn tell(notes: &mpsc::UnboundedSender<Note>, note: Note) {
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

    fn sent(number: u64, subscriber: &str, delay: Duration) -> Sent {
        let mut event = Event::raw("a", "application/json", "{}").unwrap();
        (event.id, event.delay) = (number.to_string(), delay);
        let sent = Sent::new(subscriber, &event, Duration::MAX);
        Sent { number, ..sent }
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
        let door = Door {
            local,
            keep: Arc::default(),
            waiting: Total::new(WAITING_OF_ALL),
        };
        let heard = Mutex::new(Words::default());
        let hearing = |words: Words| {
            let mut heard = heard.lock().unwrap();
            heard.taken.extend(words.taken);
            heard.handled.extend(words.handled);
            heard.refused.extend(words.refused);
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
