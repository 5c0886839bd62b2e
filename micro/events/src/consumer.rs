//! The result of `consume`: deliveries, each finished with `ack`, `nack` or `dead_letter`.
//!
//! This module does not run handlers and does not decide how to treat their errors; the caller
//! does.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::backend::{BoxFuture, ErasedSource, Source};
use crate::record::{Record, Start};
use micro_message::error::Result;

/// Options of a consumer within its group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Position at which a new group starts. A known group continues where it was. Default:
    /// [`Start::Earliest`].
    pub start: Start,
    /// Maximum time that a delivery can stay unacknowledged before the record is delivered again.
    /// Default: 30 s.
    pub ack_wait: Duration,
    /// Maximum number of redeliveries before a record is dead-lettered. Default: 5.
    pub retries: u32,
    /// Name of the dead-letter topic. Default: `<topic>.dead`.
    pub dead_letter: Option<String>,
    /// Maximum number of unacknowledged deliveries of this consumer. Default: 64.
    pub in_flight: usize,
    /// Maximum number of records from the group's oldest unacknowledged record to the newest
    /// fetched one. Default: 1024. While the window is full, no further record is fetched.
    pub window: usize,
    /// Maximum number of bytes of unacknowledged records that the group holds in memory, delivered
    /// or not. Default: 16 MiB. No further record is fetched above this limit. A single record can
    /// be larger.
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
    /// Creates the default options.
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

/// A consumer of a group. The consumers of a group share the topic's records.
///
/// A dropped consumer takes no more records. Its deliveries can still be acknowledged.
pub struct Consumer {
    source: Box<dyn ErasedSource<Delivery>>,
}

impl Consumer {
    /// Creates a consumer from a source; for backends.
    pub fn new(source: impl Source<Delivery>) -> Self {
        Self {
            source: Box::new(source),
        }
    }

    /// Returns the next delivery. Waits while no record is available and while this consumer holds
    /// [`in_flight`](Options::in_flight) deliveries.
    ///
    /// Returns `None` if the backend was closed or the topic was deleted.
    ///
    /// # Errors
    ///
    /// `DataLoss` once per damaged part of the topic, which is then skipped, and errors of the
    /// backend. The next call continues.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no record is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Delivery>> {
        self.source.next().await
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumer")
    }
}

/// Outcome of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckKind {
    /// The record has been processed.
    Ack,
    /// Deliver the record again after this delay.
    Nack(Duration),
    /// Append the record to the dead-letter topic with this reason, and do not deliver it again.
    DeadLetter(String),
    /// Processing takes longer: restart `ack_wait`.
    Extend,
}

/// Acknowledges a delivery; implemented by backends.
pub trait Acker: Send + Sync + 'static {
    /// Applies an outcome.
    fn settle(&self, verdict: AckKind) -> impl Future<Output = Result<()>> + Send;

    /// Called when the delivery is dropped without an outcome. The record must be delivered again
    /// soon.
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

/// A record delivered to one consumer, which must be acknowledged.
///
/// A delivery that is dropped without an outcome is delivered again immediately. A delivery that is
/// not acknowledged within the consumer's `ack_wait` is also delivered again.
#[must_use = "a delivery that is dropped is delivered again"]
pub struct Delivery {
    record: Record,
    attempt: u32,
    settle: Option<Box<dyn ErasedAcker>>,
}

impl Delivery {
    /// Creates a delivery; for backends. The first attempt is 1.
    pub fn new(record: Record, attempt: u32, settle: impl Acker) -> Self {
        Self {
            record,
            attempt,
            settle: Some(Box::new(settle)),
        }
    }

    /// The delivered record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Number of deliveries of this record so far, including this one; the first is 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Acknowledges the record. It is not delivered again. Returns once the acknowledgement is as
    /// durable as the backend promises.
    ///
    /// An acknowledgement after `ack_wait` is still valid, as long as the record has not been
    /// acknowledged otherwise. If it has, the call does nothing and is not an error.
    ///
    /// # Errors
    ///
    /// Fails if the acknowledgement cannot be persisted. The record is then delivered again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the record may or may not be acknowledged. If it is not, it is
    /// delivered again.
    pub async fn ack(self) -> Result<()> {
        self.end(AckKind::Ack).await
    }

    /// Delivers the record again after a delay. Later records of the same key wait behind it. If
    /// the consumer's retries are used up, the record is dead-lettered instead.
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack), and `FailedPrecondition` if `ack_wait` expired and the record has
    /// been delivered again.
    pub async fn nack(self, after: Duration) -> Result<()> {
        self.end(AckKind::Nack(after)).await
    }

    /// Appends the event to the dead-letter topic with a reason. The record is not delivered again.
    ///
    /// # Errors
    ///
    /// As for [`nack`](Self::nack).
    pub async fn dead_letter(self, reason: impl Into<String>) -> Result<()> {
        self.end(AckKind::DeadLetter(reason.into())).await
    }

    /// Restarts `ack_wait`, for records whose processing takes longer.
    ///
    /// # Errors
    ///
    /// As for [`nack`](Self::nack).
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
        // The guard holds the acker until the outcome is applied, so that dropping this future
        // gives the record back.
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

/// Gives the record back on drop, unless the acker has been taken out.
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
