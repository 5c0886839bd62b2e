//! [`PeerLink`]: connection to the subscribers of one process, with one stream, opened on demand.
//!
//! An event stays here until the process reports that it is handled. When the stream ends, events
//! that were not taken are refused and taken events that were not handled are returned, in the
//! order in which they were sent. A process that does not respond delays only the publish
//! operations that wait for it, and these only until their deadlines.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use micro_core::internal::spawn;
use micro_wake::sync::{Mutex, MutexGuard};
use micro_wake::{ByteBudget, Claim, Total};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::roster::{Roster, RosterEntry};
use super::session::{Owed, Session, gone};
use super::wire::{DELIVER, DeliveryReport, Envelope, MAX_EVENT};
use crate::driver::http2::{self, Reader, Timeouts, Writer};
use micro_broker::AckHandle;
use micro_broker::Event;
use micro_broker::internal::Refusal;
use micro_message::codec::Message;
use micro_message::error::Error;

/// Additional time to wait for the response to an event after the event's deadline.
const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// Time after which a stream is closed if nothing was sent on it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size in bytes of the unhandled events sent to one subscriber.
const OWED: usize = 32 << 20;
/// Memory limit for decoding a message, in bytes.
const MAX_DECODE_MEMORY: usize = 256 << 20;
/// Minimum remaining time of an offer to an unresponsive process. Shorter offers are refused
/// immediately, because other members may have room.
const MIN_OFFER_TIME: Duration = Duration::from_millis(30);

/// Connection to the subscribers of one process.
pub(super) struct PeerLink {
    address: Arc<str>,
    times: Timeouts,
    session: Mutex<Option<Open>>,
    roll: Arc<Mutex<Roster>>,
    /// Byte budget of unhandled events per subscriber, so that a slow subscriber does not use the
    /// capacity of others.
    budgets: Mutex<HashMap<String, Arc<ByteBudget>>>,
}

/// Whether a subscriber that is missing from the registry still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The process reports the subscriber over the open stream.
    Here,
    /// The subscriber has ended gracefully.
    Left,
    /// The process is being asked. Contains the end of the last stream that carried a list.
    Asked(Option<Instant>),
    /// No stream is open. Contains the end of the last stream that carried a list.
    Unknown(Option<Instant>),
}

struct Open {
    session: Arc<Session>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
        // `run` may never have been polled, so it may not have ended the session.
        self.session.end("the broker has ended");
    }
}

/// An event in flight, with its session and its number. If dropped before the response, the event
/// is removed from the session.
struct InFlightGuard {
    session: Arc<Session>,
    number: u64,
    answered: bool,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if !self.answered {
            self.session.forget(self.number);
        }
    }
}

impl PeerLink {
    pub(super) fn new(address: &str, times: Timeouts) -> Arc<Self> {
        Arc::new(Self {
            address: address.into(),
            times,
            session: Mutex::default(),
            roll: Arc::default(),
            budgets: Mutex::default(),
        })
    }

    fn roll(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roll)
    }

    /// Returns whether the process reported that a subscriber has ended gracefully.
    pub(super) fn has_left(&self, id: &str) -> bool {
        self.roll().has_left(id)
    }

    /// Returns whether a subscriber that is missing from the registry still exists.
    pub(super) fn presence(&self, id: &str) -> Presence {
        let (said, until) = {
            let roll = self.roll();
            (roll.says(id), roll.until())
        };
        let open = lock(&self.session);
        let is_open = open.as_ref().is_some_and(|open| !open.session.is_over());
        match said {
            RosterEntry::Left => Presence::Left,
            RosterEntry::Present if is_open => Presence::Here,
            RosterEntry::Nothing if is_open => Presence::Asked(until),
            _ => Presence::Unknown(until),
        }
    }

    /// Called after a change of the registry. `known` contains the members in the peer process, and
    /// `unlisted` those of them that are missing from the registry.
    ///
    /// If `unlisted` is not empty, the process is asked for its subscribers, and the stream stays
    /// open while only the stream reports that they exist.
    pub(super) fn keep(&self, known: &HashSet<&str>, unlisted: HashSet<String>) {
        // A removed subscriber with unhandled events keeps its budget until it has none.
        lock(&self.budgets).retain(|id, budget| known.contains(id.as_str()) || budget.held() > 0);
        let ask = !unlisted.is_empty();
        self.roll().keep(known, unlisted);
        if ask {
            self.session();
        }
    }

    /// Sends an event and waits until the subscriber has accepted it.
    pub(super) async fn offer(
        &self,
        subscriber: &str,
        event: &Event,
        settle: AckHandle,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let patience = deadline.saturating_duration_since(Instant::now());
        let sent = Envelope::new(subscriber, event, patience);
        let size = sent.size();
        if size > MAX_EVENT {
            return Err(Refusal::Never(Error::invalid_argument(format!(
                "an event of {size} bytes is larger than {MAX_EVENT}, keep large things elsewhere and \
                 publish where"
            ))));
        }
        if patience < MIN_OFFER_TIME && self.is_unresponsive() {
            return Err(gone(&self.address, "it has not answered for a while"));
        }
        let mut claim = Claim::new(&self.budget(subscriber));
        let reserved = poll_fn(|cx| claim.poll_reserve(cx, size));
        let Ok(Ok(held)) = timeout_at(deadline, reserved).await else {
            return Err(full(subscriber, &self.address));
        };
        let owed = Owed {
            settle,
            _held: held,
        };
        let (mut underway, answer) = self.send(sent, owed)?;
        // The event has its position on the stream, so the next one may be sent.
        drop(claim);
        match timeout_at(deadline + ANSWER_GRACE, answer).await {
            Ok(Ok(answer)) => {
                underway.answered = true;
                answer
            }
            Ok(Err(_)) => Err(gone(&self.address, "the stream ended")),
            Err(_) => {
                underway.session.set_unresponsive();
                Err(gone(&self.address, "it does not answer"))
            }
        }
    }

    /// Returns whether the process has not responded since an offer timed out.
    fn is_unresponsive(&self) -> bool {
        let open = lock(&self.session);
        open.as_ref()
            .is_some_and(|open| open.session.is_unresponsive())
    }

    /// Returns the byte budget of a subscriber's unhandled events.
    fn budget(&self, subscriber: &str) -> Arc<ByteBudget> {
        let mut budgets = lock(&self.budgets);
        if let Some(budget) = budgets.get(subscriber) {
            return Arc::clone(budget);
        }
        // The number of waiters needs no limit, because each waiter holds its event until its
        // deadline.
        let budget = ByteBudget::new(OWED, OWED, &Total::new(0), (usize::MAX, 0));
        budgets.insert(subscriber.to_owned(), Arc::clone(&budget));
        budget
    }

    fn send(&self, mut sent: Envelope, mut owed: Owed) -> Result<(InFlightGuard, Answer), Refusal> {
        // A session may end after it was looked up and before it is used.
        for _ in 0..8 {
            let session = self.session();
            match session.add(sent, owed, &self.address)? {
                Ok((number, answer)) => {
                    let underway = InFlightGuard {
                        session,
                        number,
                        answered: false,
                    };
                    return Ok((underway, answer));
                }
                Err(back) => (sent, owed) = *back,
            }
        }
        Err(gone(&self.address, "its streams end at once"))
    }

    /// Returns the open session, or starts one.
    fn session(&self) -> Arc<Session> {
        let mut open = lock(&self.session);
        if let Some(open) = open.as_ref().filter(|open| !open.session.is_over()) {
            return Arc::clone(&open.session);
        }
        let session = Arc::new(Session::default());
        let said = RosterFeed {
            stream: self.roll().begin(),
            roll: Arc::clone(&self.roll),
        };
        let address = Arc::clone(&self.address);
        let running = run(Arc::clone(&session), address, said, self.times);
        *open = Some(Open {
            session: Arc::clone(&session),
            task: spawn(running),
        });
        session
    }
}

fn full(subscriber: &str, address: &str) -> Refusal {
    Refusal::Full(Error::resource_exhausted(format!(
        "subscriber `{subscriber}` at {address} is full: the events that it has not handled take \
         {OWED} bytes of this publisher"
    )))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds a lock in the middle of a change.
    mutex.lock()
}

type Answer = oneshot::Receiver<Result<(), Refusal>>;

impl fmt::Debug for PeerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerLink")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Identifies the stream by which reports reach the roster.
struct RosterFeed {
    stream: u64,
    roll: Arc<Mutex<Roster>>,
}

/// Connects and drives a session until it ends.
async fn run(session: Arc<Session>, address: Arc<str>, said: RosterFeed, times: Timeouts) {
    let why = match http2::open(&address, DELIVER, times).await {
        Ok((connection, writer, reader)) => {
            tracing::debug!(%address, "stream of events opened");
            let why = tokio::select! {
                why = write(&session, &said, writer) => why,
                why = read(&session, &address, &said, reader) => why,
            };
            drop(connection);
            why
        }
        Err(why) => why,
    };
    tracing::debug!(%address, why, "stream of events ended");
    // This must come first, so that the roster has the time of the end when the session has ended.
    lock(&said.roll).end(said.stream);
    session.end(&format!(
        "the process at {address} cannot be reached: {why}"
    ));
}

async fn write(session: &Session, said: &RosterFeed, mut writer: Writer) -> String {
    loop {
        let Some(batch) = session.batch() else {
            let idle = timeout(IDLE_TIMEOUT, session.more()).await.is_err();
            if idle && !lock(&said.roll).is_needed() && session.end_idle() {
                return "nothing to send".to_owned();
            }
            continue;
        };
        let mut message = Vec::new();
        batch.encode(&mut message);
        drop(batch);
        if let Err(why) = writer.send(&message).await {
            return why;
        }
    }
}

async fn read(session: &Session, address: &str, said: &RosterFeed, mut reader: Reader) -> String {
    loop {
        match reader.next().await {
            Ok(Some(message)) => match DeliveryReport::decode(&message, MAX_DECODE_MEMORY) {
                Ok(mut report) => {
                    let process = std::mem::take(&mut report.process);
                    let subscribers = std::mem::take(&mut report.subscribers);
                    if !process.is_empty() {
                        lock(&said.roll).receive_report(said.stream, process, subscribers);
                    }
                    session.receive_report(address, report);
                }
                Err(error) => return format!("words that nobody understands: {error}"),
            },
            Ok(None) => return "it has ended the stream".to_owned(),
            Err(why) => return why,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use tokio::net::TcpListener;

    use super::*;

    fn event(bytes: usize) -> Event {
        Event::raw("a.b", "text/plain", Bytes::from(vec![7; bytes])).unwrap()
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let link = PeerLink::new(&address, Timeouts::default());
        let returned = Arc::new(AtomicUsize::new(0));
        let (mut offers, mut handles) = (tokio::task::JoinSet::new(), Vec::new());
        for _ in 0..200 {
            let (link, returned) = (Arc::clone(&link), Arc::clone(&returned));
            handles.push(offers.spawn(async move {
                let settle = AckHandle::new(move |_| {
                    returned.fetch_add(1, Ordering::SeqCst);
                });
                let event = event(64 << 10);
                link.offer("x", &event, settle, Instant::now()).await
            }));
        }
        while link.session().kept().2 < 200 {
            tokio::task::yield_now().await;
        }
        // Some offers are cancelled immediately, the others time out.
        handles[..50]
            .iter()
            .for_each(tokio::task::AbortHandle::abort);
        while let Some(offered) = offers.join_next().await {
            match offered {
                Ok(Err(Refusal::Gone(error))) => assert!(error.message().contains(&address)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert_eq!(returned.load(Ordering::SeqCst), 200);
        assert_eq!(link.session().kept(), (0, 0, 0));
        // A short offer, which other members could take over, does not wait for this process again.
        let start = Instant::now();
        let offered = link.offer("x", &event(1), AckHandle::nobody(), start).await;
        assert!(matches!(offered, Err(Refusal::Gone(_))), "{offered:?}");
        assert!(link.is_unresponsive() && start.elapsed() < ANSWER_GRACE);
    }

    #[tokio::test]
    async fn what_one_subscriber_is_owed_is_bounded_and_takes_no_room_of_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let link = PeerLink::new(&address, Timeouts::default());
        let most = OWED / (3 << 20);
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut offers = tokio::task::JoinSet::new();
        for _ in 0..most + 3 {
            let link = Arc::clone(&link);
            offers.spawn(async move {
                let settle = AckHandle::nobody();
                link.offer("x", &event(3 << 20), settle, deadline).await
            });
        }
        while link.session().kept().2 < most {
            tokio::task::yield_now().await;
        }
        let other = Arc::clone(&link);
        offers.spawn(async move {
            let settle = AckHandle::nobody();
            other.offer("y", &event(3 << 20), settle, deadline).await
        });
        while link.session().kept().2 < most + 1 {
            tokio::task::yield_now().await;
        }
        let mut full = 0;
        while let Some(offered) = offers.join_next().await {
            match offered.unwrap() {
                Err(Refusal::Full(error)) => {
                    let text = error.message();
                    assert!(text.contains("`x`") && text.contains("is full"), "{text}");
                    full += 1;
                }
                Err(Refusal::Gone(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(full, 3);
        assert_eq!(link.budget("x").held(), 0);
    }

    #[tokio::test]
    async fn an_event_that_no_message_can_hold_is_refused_for_good() {
        let link = PeerLink::new("127.0.0.1:9", Timeouts::default());
        let deadline = Instant::now() + Duration::from_secs(9);
        let large = event(5 << 20);
        let offered = link.offer("x", &large, AckHandle::nobody(), deadline).await;
        let Err(Refusal::Never(error)) = offered else {
            panic!("it was not refused")
        };
        assert!(error.message().contains("keep large things"), "{error}");
    }
}
