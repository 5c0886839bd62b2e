//! What `consume` gives: deliveries, each to be settled.
//!
//! Does not run handlers and does not decide what an error means; whoever does calls `ack`,
//! `nack` or `dead_letter`.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::backend::{BoxFuture, ErasedSource, Source};
use crate::record::{Record, Start};
use micro_message::error::Result;

/// How a consumer takes part in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Where a group begins that is not known yet; [`Start::Earliest`] unless set. A known group
    /// goes on where it was.
    pub start: Start,
    /// How long a delivery may stay unsettled before it is delivered again; 30 s unless set.
    pub ack_wait: Duration,
    /// How often a record is delivered again before it becomes a dead letter; 5 unless set.
    pub retries: u32,
    /// The topic of dead letters; `<topic>.dead` unless set.
    pub dead_letter: Option<String>,
    /// Deliveries that this consumer may hold unsettled; 64 unless set.
    pub in_flight: usize,
    /// Records that the whole group may have begun and not settled; 1024 unless set. While the
    /// oldest of so many is unsettled, none beyond is begun.
    pub window: usize,
    /// Bytes of records that the whole group may hold in memory, delivered or not, and not
    /// settled; 16 MiB unless set. Beyond them no record is fetched. A single one may be larger.
    pub window_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: Start::Earliest,
            ack_wait: Duration::from_secs(30),
            retries: 5,
            dead_letter: None,
            in_flight: 64,
            window: 1024,
            window_bytes: 16 << 20,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`start`](Self::start).
    pub fn with_start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets [`ack_wait`](Self::ack_wait).
    pub fn with_ack_wait(mut self, ack_wait: Duration) -> Self {
        self.ack_wait = ack_wait;
        self
    }

    /// Sets [`retries`](Self::retries).
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets [`dead_letter`](Self::dead_letter).
    pub fn with_dead_letter(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter = Some(topic.into());
        self
    }

    /// Sets [`in_flight`](Self::in_flight).
    pub fn with_in_flight(mut self, in_flight: usize) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// Sets [`window_bytes`](Self::window_bytes).
    pub fn with_window_bytes(mut self, bytes: usize) -> Self {
        self.window_bytes = bytes;
        self
    }

    /// Sets [`window`](Self::window).
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }
}

/// One of a group's consumers. Those of one group share its records.
///
/// Dropped, it takes no more; what it has delivered may still be settled.
pub struct Consumer {
    source: Box<dyn ErasedSource<Delivery>>,
}

impl Consumer {
    /// A consumer from a source; for backends.
    pub fn new(source: impl Source<Delivery>) -> Self {
        Self {
            source: Box::new(source),
        }
    }

    /// The next delivery; waits for one, and while this consumer holds as many as it may.
    ///
    /// `None` when there will be no more: the backend was closed or the topic deleted.
    ///
    /// # Errors
    ///
    /// `DataLoss` once for each damaged place, which is then skipped; what a backend reports. The
    /// next call goes on.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no record is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Delivery>> {
        self.source.next().await
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumer")
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckKind {
    /// It is done.
    Ack,
    /// Again, after so long.
    Nack(Duration),
    /// Never again: to the dead letters, with the reason.
    DeadLetter(String),
    /// It takes longer: `ack_wait` begins anew.
    Extend,
}

/// Takes verdicts; for backends.
pub trait Acker: Send + Sync + 'static {
    /// Carries a verdict out.
    fn settle(&self, verdict: AckKind) -> impl Future<Output = Result<()>> + Send;

    /// The delivery was dropped without a verdict: it is to be delivered again soon.
    fn give_back(&self);
}

trait ErasedAcker: Send + Sync {
    fn settle(&self, verdict: AckKind) -> BoxFuture<'_, Result<()>>;
    fn give_back(&self);
}

impl<S: Acker> ErasedAcker for S {
    fn settle(&self, verdict: AckKind) -> BoxFuture<'_, Result<()>> {
        Box::pin(Acker::settle(self, verdict))
    }

    fn give_back(&self) {
        Acker::give_back(self);
    }
}

/// A record in the hands of one consumer, to be settled.
///
/// Dropped without a verdict it is delivered again, at once; so is one that stays unsettled for
/// longer than the consumer's `ack_wait`.
#[must_use = "a delivery that is dropped is delivered again"]
pub struct Delivery {
    record: Record,
    attempt: u32,
    settle: Option<Box<dyn ErasedAcker>>,
}

impl Delivery {
    /// A delivery; for backends. The first attempt is 1.
    pub fn new(record: Record, attempt: u32, settle: impl Acker) -> Self {
        Self {
            record,
            attempt,
            settle: Some(Box::new(settle)),
        }
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// How often it has been delivered, with this time; 1 is the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Done: it is not delivered again. Returns when that is written down as durably as the
    /// backend promises.
    ///
    /// Counts even when it comes after `ack_wait`, as long as nobody else has settled the record;
    /// when somebody has, there is nothing left to do and that is no error.
    ///
    /// # Errors
    ///
    /// When it cannot be written down; the record is then delivered again.
    ///
    /// # Cancel safety
    ///
    /// When cancelled it may or may not be settled; if not, it is delivered again.
    pub async fn ack(self) -> Result<()> {
        self.end(AckKind::Ack).await
    }

    /// Again, after so long; those of its key wait behind it. When it has been delivered as often
    /// as the consumer allows, it becomes a dead letter instead.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack); `FailedPrecondition` when `ack_wait` was over and the record has
    /// been delivered again.
    pub async fn nack(self, after: Duration) -> Result<()> {
        self.end(AckKind::Nack(after)).await
    }

    /// Never again: the event goes to the topic of dead letters, with the reason.
    ///
    /// # Errors
    ///
    /// As [`nack`](Self::nack).
    pub async fn dead_letter(self, reason: impl Into<String>) -> Result<()> {
        self.end(AckKind::DeadLetter(reason.into())).await
    }

    /// Takes longer: `ack_wait` begins anew.
    ///
    /// # Errors
    ///
    /// As [`nack`](Self::nack).
    pub async fn extend(&self) -> Result<()> {
        match &self.settle {
            Some(settle) => settle.settle(AckKind::Extend).await,
            None => Ok(()),
        }
    }

    async fn end(mut self, verdict: AckKind) -> Result<()> {
        let Some(settle) = self.settle.take() else {
            return Ok(());
        };
        // Back in its place until the verdict has been carried out: a dropped future gives back.
        let mut guard = GiveBack(Some(settle));
        let outcome = match &guard.0 {
            Some(settle) => settle.settle(verdict).await,
            None => Ok(()),
        };
        if outcome.is_ok() {
            guard.0 = None;
        }
        outcome
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        drop(GiveBack(self.settle.take()));
    }
}

/// Gives back what it still holds.
struct GiveBack(Option<Box<dyn ErasedAcker>>);

impl Drop for GiveBack {
    fn drop(&mut self) {
        if let Some(settle) = self.0.take() {
            settle.give_back();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("record", &self.record)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
