//! Delivery options of a subscriber: queue, concurrency, retries, acknowledgement.

use std::time::Duration;

use crate::topic::check_topic;
use micro_core::handler::AccessLog;
use micro_message::error::{Error, Result};

/// Maximum delay between two attempts, unless `backoff` itself is longer.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Maximum value of `concurrency`.
const MAX_CONCURRENCY: usize = 4096;

/// How a subscriber acknowledges events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// Automatic: `Ok` from the handler acknowledges the event, and an error causes a retry.
    #[default]
    Auto,
    /// Manual: the handler calls [`Delivery::ack`](crate::Delivery::ack), while it runs or
    /// afterwards.
    Manual,
}

/// Delivery options of a subscriber.
///
/// # Examples
///
/// ```
/// use micro::broker::Options;
///
/// let options = Options::new().queue("audit").concurrency(4).retries(5);
/// assert_eq!(options.retries, 5);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Queue that the subscriber is a member of. Each event goes to one member of a queue. `None`:
    /// the subscriber receives every event. Default: `None`.
    pub queue: Option<String>,
    /// Maximum number of events handled concurrently. Events with the same key are always handled
    /// in order. Default: 1, which handles all events in the order of publishing.
    pub concurrency: usize,
    /// Maximum number of retries of a failed event. Default: 3.
    pub retries: u32,
    /// Delay before the first retry. It doubles with each retry, up to one minute. Default: 100 ms.
    pub backoff: Duration,
    /// Topic for events that cannot be handled. `None`: the broker keeps them, see
    /// [`Broker::dead_letters`](crate::Broker::dead_letters). Default: `None`.
    pub dead_letter: Option<String>,
    /// How events are acknowledged. Default: [`Ack::Auto`].
    pub ack: Ack,
    /// Maximum time between the return of the handler and the acknowledgement, with
    /// [`Ack::Manual`]. The event is retried after that. Default: 30 s.
    pub ack_wait: Duration,
    /// Timeout of one attempt of the handler. Default: 30 s.
    pub timeout: Duration,
    /// Maximum number of events that are queued or being handled. Publishers wait while the limit
    /// is reached. Default: 1,024.
    pub capacity: usize,
    /// Maximum size in bytes of the events that are queued or being handled. Publishers wait while
    /// the limit is reached. A single event may be larger. Default: 16 MiB.
    pub capacity_bytes: usize,
    /// Number of ids of handled events kept for deduplication. Default: 1,024.
    pub remembered: usize,
    /// Name of the subscriber in logs and errors. Default: the pattern.
    pub name: String,
    /// Service of the subscriber, for the access log. Set by the app.
    #[doc(hidden)]
    pub service: &'static str,
    /// Which events are logged. Set by [`Broker::with_access_log`](crate::Broker::with_access_log).
    #[doc(hidden)]
    pub access_log: AccessLog,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: None,
            concurrency: 1,
            retries: 3,
            backoff: Duration::from_millis(100),
            dead_letter: None,
            ack: Ack::Auto,
            ack_wait: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            capacity: 1024,
            capacity_bytes: 16 << 20,
            remembered: 1024,
            name: String::new(),
            service: "",
            access_log: AccessLog::default(),
        }
    }
}

impl Options {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the queue that the subscriber is a member of.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets the maximum number of events handled concurrently.
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count;
        self
    }

    /// Sets the maximum number of retries of a failed event.
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// Sets the delay before the first retry.
    pub fn backoff(mut self, pause: Duration) -> Self {
        self.backoff = pause;
        self
    }

    /// Sets the topic for events that cannot be handled.
    pub fn dead_letter(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter = Some(topic.into());
        self
    }

    /// Sets how events are acknowledged.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.ack = ack;
        self
    }

    /// Sets the maximum time between the return of the handler and the acknowledgement.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// Sets the timeout of one attempt of the handler.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum number of events that are queued or being handled.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets the maximum size in bytes of the events that are queued or being handled.
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity_bytes = bytes;
        self
    }

    /// Sets the number of ids of handled events kept for deduplication. 0 disables deduplication
    /// against handled events.
    pub fn remembered(mut self, ids: usize) -> Self {
        self.remembered = ids;
        self
    }

    /// Sets the name of the subscriber in logs and errors.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the delay before the next attempt, after `attempts` attempts.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        let doubled = self.backoff.saturating_mul(
            1_u32
                .checked_shl(attempts.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        doubled.min(MAX_BACKOFF.max(self.backoff))
    }

    /// Validates the options.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(queue) = &self.queue {
            check_queue(queue)?;
        }
        if let Some(topic) = &self.dead_letter {
            check_topic(topic).map_err(|error| error.context("`dead_letter`"))?;
        }
        check_range("concurrency", self.concurrency)?;
        if self.capacity < self.concurrency {
            return Err(Error::invalid_argument(format!(
                "a `capacity` of {} is less than the `concurrency` of {}",
                self.capacity, self.concurrency
            )));
        }
        if self.capacity_bytes == 0 {
            let text = "a `capacity_bytes` of 0 leaves no room, give it some mebibytes";
            return Err(Error::invalid_argument(text));
        }
        let lengths = [("timeout", self.timeout), ("ack_wait", self.ack_wait)];
        match lengths.iter().find(|(_, length)| length.is_zero()) {
            Some((name, _)) => Err(Error::invalid_argument(format!(
                "a `{name}` of 0 leaves no time, give it some seconds"
            ))),
            None => Ok(()),
        }
    }
}

fn check_range(name: &str, value: usize) -> Result<()> {
    if (1..=MAX_CONCURRENCY).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "a `{name}` of {value} cannot be, choose from 1 to {MAX_CONCURRENCY}"
    )))
}

/// Validates the name of a queue. The permitted characters are those of a registry record.
fn check_queue(queue: &str) -> Result<()> {
    let good = (1..=128).contains(&queue.len())
        && queue
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is not a name for a queue: write letters, digits, `-`, `_` and `.`, at most 128 \
         bytes",
        queue.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let options = Options::new();
        let pauses: Vec<u64> = [1, 2, 3, 20, 99]
            .map(|attempts| options.pause(attempts).as_millis().try_into().unwrap())
            .into();
        assert_eq!(pauses, [100, 200, 400, 60_000, 60_000]);
        let long = options.backoff(Duration::from_secs(90));
        assert_eq!(long.pause(1), Duration::from_secs(90));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        Options::new().check().unwrap();
        let wrong = [
            Options::new().queue(""),
            Options::new().queue("a b"),
            Options::new().dead_letter("a.*"),
            Options::new().concurrency(0),
            Options::new().concurrency(5000),
            Options::new().capacity(0),
            Options::new().capacity_bytes(0),
            Options::new().timeout(Duration::ZERO),
            Options::new().ack_wait(Duration::ZERO),
        ];
        for options in wrong {
            assert!(options.check().is_err(), "{options:?}");
        }
    }
}
