//! `PeerLink`: the way to the subscribers of one process; one stream, opened when there is
//! something to send.
//!
//! An event stays here until the process has said that it is handled. When the stream ends, what
//! was not taken is refused and what was not handled goes back, in the order in which it was sent.
//! A process that says nothing holds up who waits for it until their deadlines, and nobody else.

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

/// How long after its deadline the answer to an event is waited for.
const ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How long a stream is kept that nothing is sent on.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes of events one subscriber may have been sent and not handled.
const OWED: usize = 32 << 20;
/// How many bytes decoding a message may take.
const MAX_DECODE_MEMORY: usize = 256 << 20;
/// Who has less patience does not ask a process that owes answers: others may have room.
const MIN_OFFER_TIME: Duration = Duration::from_millis(30);

/// The way to the subscribers of one process.
pub(super) struct PeerLink {
    address: Arc<str>,
    times: Timeouts,
    session: Mutex<Option<Open>>,
    roll: Arc<Mutex<Roster>>,
    /// What each subscriber there may be owed: a slow one does not take the room of others.
    budgets: Mutex<HashMap<String, Arc<ByteBudget>>>,
}

/// Whether a subscriber is there that the registry does not know any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The process says so by the stream that is open.
    Here,
    /// It has ended in order.
    Left,
    /// The process is being asked; when the last stream ended by which it said so.
    Asked(Option<Instant>),
    /// There is no stream to it; when the last one ended by which it said so.
    Unknown(Option<Instant>),
}

struct Open {
    session: Arc<Session>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
        // The task may never have run.
        self.session.end("the broker has ended");
    }
}

/// An event on its way: by which session and under which number. Dropped, nobody waits for it.
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

    /// Whether the process has said that a subscriber has ended in order.
    pub(super) fn has_left(&self, id: &str) -> bool {
        self.roll().has_left(id)
    }

    /// Whether a subscriber is there that the registry does not know any more.
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

    /// The registry has changed: `known` are the subscribers of this process that are asked for,
    /// and of these `unlisted` are not in it. Then the process itself is asked, and the stream
    /// stays open for as long as only it tells that they are there.
    pub(super) fn keep(&self, known: &HashSet<&str>, unlisted: HashSet<String>) {
        // One that is still owed something gets its room back when it comes again.
        lock(&self.budgets).retain(|id, budget| known.contains(id.as_str()) || budget.held() > 0);
        let ask = !unlisted.is_empty();
        self.roll().keep(known, unlisted);
        if ask {
            self.session();
        }
    }

    /// Sends an event and waits until it is taken.
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
        // It has its place on the stream: the next one may have the one behind it.
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

    /// Whether the process owes an answer that somebody gave up waiting for.
    fn is_unresponsive(&self) -> bool {
        let open = lock(&self.session);
        open.as_ref()
            .is_some_and(|open| open.session.is_unresponsive())
    }

    /// What a subscriber may be owed.
    fn budget(&self, subscriber: &str) -> Arc<ByteBudget> {
        let mut budgets = lock(&self.budgets);
        if let Some(budget) = budgets.get(subscriber) {
            return Arc::clone(budget);
        }
        // No line is too long: whoever waits holds its event itself, until its deadline.
        let budget = ByteBudget::new(OWED, OWED, &Total::new(0), (usize::MAX, 0));
        budgets.insert(subscriber.to_owned(), Arc::clone(&budget));
        budget
    }

    fn send(&self, mut sent: Envelope, mut owed: Owed) -> Result<(InFlightGuard, Answer), Refusal> {
        // A session may end between being found and being used.
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

    /// The open session; starts one.
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
    // No code panics while it holds a lock halfway through a change.
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

/// What a process says by one stream.
struct RosterFeed {
    stream: u64,
    roll: Arc<Mutex<Roster>>,
}

/// Runs a session to its end.
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
    // First: from here on the end of the stream is known with its time.
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
        // Some give up at once, the others when they have waited.
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
        // Who can ask somebody else does not wait for it again.
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
