//! How a subscriber is fed: queue, concurrency, retries, acknowledgement; all with defaults.

use std::time::Duration;

use crate::topic::check_topic;
use micro_message::error::{Error, Result};

/// The longest pause between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The most events that one subscriber handles at once.
const MAX_CONCURRENCY: usize = 4096;

/// Who says that an event is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// The handler's result: `Ok` is handled, an error is tried again.
    #[default]
    Auto,
    /// [`Delivery::ack`](crate::Delivery::ack), during the handler or after it.
    Manual,
}

/// How a subscriber is fed.
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
    /// The queue whose members share the events; none: this subscriber gets every event.
    pub queue: Option<String>,
    /// How many events are handled at once, in the order of each key. Default 1: in the order of
    /// publishing.
    pub concurrency: usize,
    /// How often a failed event is tried again. Default 3.
    pub retries: u32,
    /// The pause before the first retry; it doubles up to a minute. Default 100 ms.
    pub backoff: Duration,
    /// The topic that takes what cannot be handled; none: the broker keeps it, see
    /// [`Broker::dead_letters`](crate::Broker::dead_letters).
    pub dead_letter: Option<String>,
    /// Who says that an event is handled.
    pub ack: Ack,
    /// How long an event may stay unacknowledged after its handler returned, when `ack` is
    /// manual, before it is delivered again. Default 30 s.
    pub ack_wait: Duration,
    /// How long one attempt of the handler may take. Default 30 s.
    pub timeout: Duration,
    /// How many events wait or are handled; a publisher waits when there are as many. Default
    /// 1,024.
    pub capacity: usize,
    /// How many bytes of events wait or are handled; a publisher waits when there are as many. A
    /// single event may be larger. Default 16 MiB.
    pub capacity_bytes: usize,
    /// How many ids of handled events are remembered, to handle none of them again. Default 1,024.
    pub remembered: usize,
    /// What the subscriber is called in logs and errors; default the pattern.
    pub name: String,
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
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the queue whose members share the events.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets how many events are handled at once.
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count;
        self
    }

    /// Sets how often a failed event is tried again.
    pub fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// Sets the pause before the first retry.
    pub fn backoff(mut self, pause: Duration) -> Self {
        self.backoff = pause;
        self
    }

    /// Sets the topic that takes what cannot be handled.
    pub fn dead_letter(mut self, topic: impl Into<String>) -> Self {
        self.dead_letter = Some(topic.into());
        self
    }

    /// Sets who says that an event is handled.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.ack = ack;
        self
    }

    /// Sets how long an event may stay unacknowledged after its handler returned.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// Sets how long one attempt of the handler may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many events may wait or be handled.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets how many bytes of events may wait or be handled.
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity_bytes = bytes;
        self
    }

    /// Sets how many ids of handled events are remembered; 0 handles every event that comes.
    pub fn remembered(mut self, ids: usize) -> Self {
        self.remembered = ids;
        self
    }

    /// Sets what the subscriber is called in logs and errors.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The pause before the next attempt, after so many.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        let doubled = self.backoff.saturating_mul(
            1_u32
                .checked_shl(attempts.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        doubled.min(MAX_BACKOFF.max(self.backoff))
    }

    /// Whether a subscriber can be fed like this.
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

/// A name that a queue can have: what fits into a registry's record.
fn check_queue(queue: &str) -> Result<()> {
    let good = (1..=128).contains(&queue.len())
        && queue
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is no name for a queue: write letters, digits, `-`, `_` and `.`, at most 128 bytes",
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
