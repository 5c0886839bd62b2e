//! `Link`: the way to the subscribers of one process; one stream, opened when there is something
//! to send.
//!
//! An event stays here until the process has said that it is handled. When the stream ends, what
//! was not taken is refused and what was not handled goes back, in the order in which it was sent.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::wire::{Batch, DELIVER, Sent, Words};
use crate::broker::outbox::Refusal;
use crate::broker::record::Event;
use crate::broker::settle::{Outcome, Settle};
use crate::codec::Message;
use crate::driver::http2::{self, Reader, Times, Writer};
use crate::error::Error;

/// The most events of one message.
const BATCH: usize = 256;
/// The most bytes of one message beside the last event.
const BYTES: usize = 1 << 20;
/// How long after its deadline the answer to an event is waited for.
const LAG: Duration = Duration::from_secs(1);
/// How long a stream is kept that nothing is sent on.
const IDLE: Duration = Duration::from_secs(30);
/// How many bytes decoding a message may take.
const MEMORY: usize = 256 << 20;

/// The way to the subscribers of one process.
pub(super) struct Link {
    address: Arc<str>,
    times: Times,
    session: Mutex<Option<Open>>,
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

/// One stream and what is on it. Unbounded, but for who waits: each event in it is being
/// published, or was taken by a subscriber whose room is bounded.
struct Session {
    outgoing: mpsc::UnboundedSender<Sent>,
    flying: Mutex<Flying>,
}

#[derive(Default)]
struct Flying {
    number: u64,
    over: bool,
    offers: HashMap<u64, oneshot::Sender<Result<(), Refusal>>>,
    settles: BTreeMap<u64, Settle>,
}

/// An event on its way: by which session, under which number, and where its outcome comes.
type Underway = (Arc<Session>, u64, oneshot::Receiver<Result<(), Refusal>>);

impl Link {
    pub(super) fn new(address: &str, times: Times) -> Arc<Self> {
        Arc::new(Self {
            address: address.into(),
            times,
            session: Mutex::default(),
        })
    }

    /// Sends an event and waits until it is taken.
    pub(super) async fn offer(
        &self,
        subscriber: &str,
        event: &Event,
        settle: Settle,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let patience = deadline.saturating_duration_since(Instant::now());
        let sent = Sent::new(subscriber, event, patience);
        let (session, number, answer) = self.send(sent, settle)?;
        match timeout_at(deadline + LAG, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(gone(&self.address, "the stream ended")),
            Err(_) => {
                session.forget(number);
                Err(gone(&self.address, "it does not answer"))
            }
        }
    }

    fn send(&self, mut sent: Sent, mut settle: Settle) -> Result<Underway, Refusal> {
        // A session may end between being found and being used.
        for _ in 0..8 {
            let session = self.session();
            match session.add(sent, settle) {
                Ok((number, answer)) => return Ok((session, number, answer)),
                Err(back) => (sent, settle) = *back,
            }
        }
        Err(gone(&self.address, "its streams end at once"))
    }

    /// The open session; starts one.
    fn session(&self) -> Arc<Session> {
        let mut open = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_ref().filter(|open| !open.session.flying().over) {
            return Arc::clone(&open.session);
        }
        let (outgoing, queue) = mpsc::unbounded_channel();
        let session = Arc::new(Session {
            outgoing,
            flying: Mutex::default(),
        });
        let running = run(
            Arc::clone(&session),
            Arc::clone(&self.address),
            queue,
            self.times,
        );
        *open = Some(Open {
            session: Arc::clone(&session),
            task: tokio::spawn(running),
        });
        session
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn gone(address: &str, why: &str) -> Refusal {
    Refusal::Gone(Error::unavailable(format!(
        "the process at {address} cannot be reached: {why}"
    )))
}

type Back = Box<(Sent, Settle)>;

impl Session {
    fn flying(&self) -> MutexGuard<'_, Flying> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(
        &self,
        mut sent: Sent,
        settle: Settle,
    ) -> Result<(u64, oneshot::Receiver<Result<(), Refusal>>), Back> {
        let mut flying = self.flying();
        if flying.over {
            return Err(Box::new((sent, settle)));
        }
        flying.number += 1;
        let number = flying.number;
        sent.number = number;
        let (told, answer) = oneshot::channel();
        flying.offers.insert(number, told);
        flying.settles.insert(number, settle);
        // Under the lock, so that numbers are sent in their order.
        if self.outgoing.send(sent).is_err() {
            tracing::debug!("a stream that has just ended");
        }
        Ok((number, answer))
    }

    /// Nobody waits for an event any more.
    fn forget(&self, number: u64) {
        let mut flying = self.flying();
        flying.offers.remove(&number);
        let settle = flying.settles.remove(&number);
        drop(flying);
        drop(settle);
    }

    fn hear(&self, address: &str, words: Words) {
        let mut flying = self.flying();
        let mut told = Vec::new();
        for number in &words.taken {
            told.extend(flying.offers.remove(number).map(|offer| (offer, Ok(()))));
        }
        let mut settled = Vec::new();
        let outcomes = [
            (&words.handled, Outcome::Handled),
            (&words.returned, Outcome::Returned),
        ];
        for (numbers, outcome) in outcomes {
            for number in numbers {
                // It may be handled before it was said to be taken.
                told.extend(flying.offers.remove(number).map(|offer| (offer, Ok(()))));
                settled.extend(
                    flying
                        .settles
                        .remove(number)
                        .map(|settle| (settle, outcome)),
                );
            }
        }
        let mut dropped = Vec::new();
        for refused in words.refused {
            dropped.extend(flying.settles.remove(&refused.number));
            let refusal = if refused.full {
                Refusal::Full(Error::resource_exhausted(refused.reason))
            } else {
                gone(address, &refused.reason)
            };
            let offer = flying.offers.remove(&refused.number);
            told.extend(offer.map(|offer| (offer, Err(refusal))));
        }
        drop(flying);
        for (offer, answer) in told {
            if offer.send(answer).is_err() {
                tracing::trace!("a publisher that has given up");
            }
        }
        for (settle, outcome) in settled {
            settle.tell(outcome);
        }
        drop(dropped);
    }

    /// Nothing more is sent: what is on its way goes back.
    fn end(&self, why: &str) {
        let mut flying = self.flying();
        flying.over = true;
        let offers = std::mem::take(&mut flying.offers);
        let settles = std::mem::take(&mut flying.settles);
        drop(flying);
        if !settles.is_empty() {
            tracing::info!(
                events = settles.len(),
                why,
                "events go back to their publisher"
            );
        }
        for offer in offers.into_values() {
            let refusal = Refusal::Gone(Error::unavailable(why.to_owned()));
            if offer.send(Err(refusal)).is_err() {
                tracing::trace!("a publisher that has given up");
            }
        }
        for (_, settle) in settles {
            settle.tell(Outcome::Returned);
        }
    }

    fn is_empty(&self) -> bool {
        self.flying().settles.is_empty()
    }
}

/// Runs a session to its end.
async fn run(
    session: Arc<Session>,
    address: Arc<str>,
    queue: mpsc::UnboundedReceiver<Sent>,
    times: Times,
) {
    let why = match http2::open(&address, DELIVER, times).await {
        Ok((connection, writer, reader)) => {
            tracing::debug!(%address, "stream of events opened");
            let why = tokio::select! {
                why = write(&session, queue, writer) => why,
                why = read(&session, &address, reader) => why,
            };
            drop(connection);
            why
        }
        Err(why) => why,
    };
    tracing::debug!(%address, why, "stream of events ended");
    session.end(&format!(
        "the process at {address} cannot be reached: {why}"
    ));
}

async fn write(
    session: &Session,
    mut queue: mpsc::UnboundedReceiver<Sent>,
    mut writer: Writer,
) -> String {
    loop {
        let first = match timeout(IDLE, queue.recv()).await {
            Ok(Some(first)) => first,
            Ok(None) => return "the broker has ended".to_owned(),
            Err(_) if session.is_empty() => return "nothing to send".to_owned(),
            Err(_) => continue,
        };
        let mut batch = Batch {
            events: vec![first],
        };
        let mut bytes = 0;
        while batch.events.len() < BATCH
            && bytes < BYTES
            && let Ok(next) = queue.try_recv()
        {
            bytes += next.body.len();
            batch.events.push(next);
        }
        let mut message = Vec::new();
        batch.encode(&mut message);
        if let Err(why) = writer.send(&message).await {
            return why;
        }
    }
}

async fn read(session: &Session, address: &str, mut reader: Reader) -> String {
    loop {
        match reader.next().await {
            Ok(Some(message)) => match Words::decode(&message, MEMORY) {
                Ok(words) => session.hear(address, words),
                Err(error) => return format!("words that nobody understands: {error}"),
            },
            Ok(None) => return "it has ended the stream".to_owned(),
            Err(why) => return why,
        }
    }
}
