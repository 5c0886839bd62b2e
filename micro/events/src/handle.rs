//! What users hold: one log of topics, whatever backend is behind it.
//!
//! Checks names and sizes, logs, and says in each error what could not be done. Does not limit
//! time: an append takes as long as the disk does, and whoever calls has a deadline.

use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, Capabilities, Erased};
use crate::consumer::{Consumer, Options};
use crate::record::{Event, Limits, Start, Trim, check_name};
use crate::records::Records;
use crate::url::{self, Scheme};
use micro_core::context::Context;
use micro_core::handler::{FromApp, Resources};
use micro_message::codec::Topic;
use micro_message::error::{Error, Result};

/// Metadata of a call that an event appended within it takes along.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// Durable streams: append events to topics, read them from any place, share them in groups.
///
/// Cheap to clone; clones share the backend.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// use micro::events::{Events, Options};
///
/// let events = Events::open("memory://")?;
/// events.append_to("orders.placed", "an apple").await?;
///
/// let mut packers = events.consume("orders.placed", "packers", Options::new()).await?;
/// if let Some(delivery) = packers.next().await {
///     let delivery = delivery?;
///     assert_eq!(delivery.record().event.payload, "an apple");
///     delivery.ack().await?;
/// }
/// assert_eq!(events.lag("orders.placed", "packers").await?, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Events {
    backend: Arc<dyn Erased>,
    scheme: &'static str,
    limits: Limits,
}

impl Events {
    /// Events over a backend.
    pub fn new(backend: impl Backend) -> Self {
        Self {
            scheme: backend.scheme(),
            backend: Arc::new(backend),
            limits: Limits::default(),
        }
    }

    /// The events that a URL names: `memory://`, `file:///var/lib/shop/events`; what each takes
    /// after a `?` is told at its backend. Nothing is opened or contacted yet.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a scheme that nobody announced (it lists the known ones) and for
    /// settings the backend does not understand; `Unimplemented` for a scheme
    /// whose cargo feature is off.
    pub fn open(url: &str) -> Result<Self> {
        url::open(url, &[])
    }

    /// As [`open`](Self::open), with schemes beside those that are announced; these come first.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(url: &str, schemes: &[Scheme]) -> Result<Self> {
        url::open(url, schemes)
    }

    /// Sets how many bytes a payload may have; 4 MiB unless set.
    pub fn with_payload_limit(mut self, bytes: usize) -> Self {
        self.limits.payload = bytes;
        self.limits.batch_bytes = self.limits.batch_bytes.max(bytes);
        self
    }

    /// The backend's scheme, for logs and reports.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// What the backend can do.
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Appends a message to the topic of its type; returns its offset once it is durable.
    ///
    /// # Errors
    ///
    /// As [`append_to`](Self::append_to).
    ///
    /// # Cancel safety
    ///
    /// As [`append_to`](Self::append_to).
    pub async fn append<T: Topic>(&self, event: &T) -> Result<u64> {
        self.append_to(T::TOPIC, Event::of(event)).await
    }

    /// Appends an event; returns its offset once it is as durable as the backend promises.
    ///
    /// Waits while the backend has as much to write as it takes. Within a call the event takes
    /// the call's trace along.
    ///
    /// Appended again under the same [`id`](Event::id), after an error or a timeout, an event
    /// stands in the topic once, and its offset is that of the first time: as long as it is among
    /// the records that the backend remembers, by default the topic's last 16,384. To have it
    /// there anew, give it another id.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that no topic can have and for an event that is too large;
    /// `ResourceExhausted` when there is no room; `FailedPrecondition` when the backend's directory
    /// was removed or renamed; what the backend reports.
    ///
    /// # Cancel safety
    ///
    /// When cancelled the event may or may not be appended; with an id it can be appended again.
    pub async fn append_to(&self, topic: &str, event: impl Into<Event>) -> Result<u64> {
        self.append_batch(topic, [event.into()]).await
    }

    /// Appends several events, in order and all or none; returns the offset of the first, which
    /// the others follow without a gap, unless some had been appended before under their ids.
    ///
    /// # Errors
    ///
    /// As [`append_to`](Self::append_to); `InvalidArgument` for no event, for more than 10,000, and
    /// for more than 16 MiB.
    ///
    /// # Cancel safety
    ///
    /// As [`append_to`](Self::append_to).
    pub async fn append_batch(
        &self,
        topic: &str,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<u64> {
        check_name("topic", topic)?;
        let mut events: Vec<Event> = events.into_iter().collect();
        trace(&mut events)?;
        let said = |error| self.with_context(error, format_args!("append to `{topic}`"));
        self.check(&events).map_err(said)?;
        let count = events.len();
        let offset = self.backend.append(topic, events).await.map_err(said)?;
        tracing::trace!(events = self.scheme, topic, offset, count, "appended");
        Ok(offset)
    }

    fn check(&self, events: &[Event]) -> Result<()> {
        if events.is_empty() || events.len() > self.limits.batch {
            return Err(Error::invalid_argument(format!(
                "a batch of {} events is not one of 1 to {}",
                events.len(),
                self.limits.batch
            )));
        }
        for event in events {
            event.check(&self.limits)?;
        }
        let bytes: usize = events.iter().map(Event::size).sum();
        if events.len() > 1 && bytes > self.limits.batch_bytes {
            return Err(Error::invalid_argument(format!(
                "a batch of {bytes} bytes is larger than {}, make it several",
                self.limits.batch_bytes
            )));
        }
        Ok(())
    }

    /// The records of a topic from some place on, and those that are appended later. A topic that
    /// does not exist yet is an empty one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that no topic can have, `OutOfRange` for an offset that has
    /// been removed or lies beyond the next, `Unimplemented` where the backend cannot begin at a
    /// time; what the backend reports.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn read(&self, topic: &str, start: Start) -> Result<Records> {
        check_name("topic", topic)?;
        let read = self.backend.read(topic, start).await;
        let records = read.map_err(|e| self.with_context(e, format_args!("read `{topic}`")))?;
        tracing::debug!(events = self.scheme, topic, ?start, "reading");
        Ok(records)
    }

    /// Takes part in a group, which gets each record at least once: the records are shared among
    /// the group's consumers, a key's records in order.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that no topic or group can have, and for limits of 0; as
    /// [`read`](Self::read) when a new group is to begin somewhere.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn consume(&self, topic: &str, group: &str, options: Options) -> Result<Consumer> {
        check_name("topic", topic)?;
        check_name("group", group)?;
        let dead = options.dead_letter.clone();
        check_name(
            "dead-letter topic",
            &dead.unwrap_or_else(|| dead_topic(topic)),
        )?;
        if options.in_flight == 0
            || options.window == 0
            || options.window_bytes == 0
            || options.ack_wait.is_zero()
        {
            return Err(Error::invalid_argument(format!(
                "group `{group}` would get nothing with `in_flight`, `window`, `window_bytes` or `ack_wait` of 0"
            )));
        }
        let consumed = self.backend.consume(topic, group, options).await;
        let consumer = consumed
            .map_err(|e| self.with_context(e, format_args!("consume `{topic}` as `{group}`")))?;
        tracing::debug!(events = self.scheme, topic, group, "consuming");
        Ok(consumer)
    }

    /// How many records a group has yet to settle; all that there are when it is unknown. Counted
    /// by offsets: where these have a gap, its offsets count until the group has crossed it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that no topic or group can have; what the backend reports.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn lag(&self, topic: &str, group: &str) -> Result<u64> {
        check_name("topic", topic)?;
        check_name("group", group)?;
        let lag = self.backend.lag(topic, group).await;
        lag.map_err(|e| {
            self.with_context(e, format_args!("tell the lag of `{group}` on `{topic}`"))
        })
    }

    /// The topics that there are, by name.
    ///
    /// # Errors
    ///
    /// What the backend reports.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn topics(&self) -> Result<Vec<String>> {
        let topics = self.backend.topics().await;
        let mut topics = topics.map_err(|e| self.with_context(e, format_args!("list topics")))?;
        topics.sort();
        Ok(topics)
    }

    /// Removes records from the beginning of a topic. More may be kept than asked, for a backend
    /// removes what it keeps together; less never.
    ///
    /// A group that has not settled what is removed goes on with what is there.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a name that no topic can have, `Unimplemented` where the backend
    /// cannot; what it reports.
    ///
    /// # Cancel safety
    ///
    /// When cancelled it may or may not be done.
    pub async fn trim(&self, topic: &str, trim: Trim) -> Result<()> {
        check_name("topic", topic)?;
        let trimmed = self.backend.trim(topic, trim).await;
        trimmed.map_err(|e| self.with_context(e, format_args!("trim `{topic}`")))
    }

    /// Removes a topic, its records and its groups. Readers and consumers end; a topic that is
    /// appended to anew begins with offset 0.
    ///
    /// # Errors
    ///
    /// As [`trim`](Self::trim).
    ///
    /// # Cancel safety
    ///
    /// When cancelled it may or may not be done.
    pub async fn delete(&self, topic: &str) -> Result<()> {
        check_name("topic", topic)?;
        let deleted = self.backend.delete(topic).await;
        deleted.map_err(|e| self.with_context(e, format_args!("delete `{topic}`")))?;
        tracing::info!(events = self.scheme, topic, "deleted");
        Ok(())
    }

    /// Finishes what was asked and lets go of everything; what comes later, from any clone, fails
    /// with `Unavailable`. A second call changes nothing.
    ///
    /// # Errors
    ///
    /// When what was asked before cannot be made durable.
    ///
    /// # Cancel safety
    ///
    /// Goes on when cancelled.
    pub async fn close(&self) -> Result<()> {
        let closed = self.backend.close().await;
        closed.map_err(|e| self.with_context(e, format_args!("close")))
    }

    fn with_context(&self, error: Error, what: fmt::Arguments<'_>) -> Error {
        error.context(format_args!("events `{}`: cannot {what}", self.scheme))
    }
}

impl FromApp for Events {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok((*app.get::<Self>()?).clone())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// Where the dead letters of a topic go when nobody says.
pub(super) fn dead_topic(topic: &str) -> String {
    format!("{topic}.dead")
}

/// Gives events the trace of the call that we are in, unless they have one.
fn trace(events: &mut [Event]) -> Result<()> {
    let Some(context) = Context::current() else {
        return Ok(());
    };
    for event in events {
        if event.metadata.get(TRACE[0]).is_some() {
            continue;
        }
        for key in TRACE {
            if let Some(value) = context.metadata().get(key) {
                event.metadata.insert(key, value)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;
    use micro_message::metadata::Metadata;

    #[tokio::test]
    async fn wrong_names_sizes_and_limits_are_refused_before_the_backend() {
        let events = Events::open("memory://").unwrap().with_payload_limit(4);
        for topic in ["", "a b", "a/b"] {
            assert!(events.append_to(topic, "x").await.is_err());
            assert!(events.read(topic, Start::Earliest).await.is_err());
        }
        let error = events.append_to("a", "hello").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error
                .message()
                .starts_with("events `memory`: cannot append to `a`: a payload of 5"),
            "{error}"
        );
        assert!(events.append_batch("a", []).await.is_err());
        let none = Options::new().with_in_flight(0);
        assert!(events.consume("a", "g", none).await.is_err());
        let long = "x".repeat(118);
        let error = events
            .consume(&long, "g", Options::new())
            .await
            .unwrap_err();
        assert!(error.message().contains("dead-letter topic"), "{error}");
        assert_eq!(events.topics().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_event_takes_the_trace_of_its_call_along() {
        let events = Events::open("memory://").unwrap();
        let mut metadata = Metadata::new();
        metadata.insert("traceparent", "00-1-2-01").unwrap();
        let own = Event::new("").with_metadata(metadata.clone());
        let context = Context::new().with_metadata(metadata);
        let append = async {
            events.append_to("a", "x").await.unwrap();
            events.append_to("a", own).await.unwrap();
        };
        context.scope(append).await;
        let mut records = events.read("a", Start::Earliest).await.unwrap();
        for _ in 0..2 {
            let record = records.next().await.unwrap().unwrap();
            let trace: Vec<_> = record.event.metadata.get_all("traceparent").collect();
            assert_eq!(trace, ["00-1-2-01"]);
        }
    }
}
