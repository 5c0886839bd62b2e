//! The handle [`Events`], which programs use with any backend.
//!
//! The handle checks names and sizes, writes logs, and adds the failed operation to each error. It
//! sets no timeouts: an append takes as long as the disk needs, and the caller's deadline applies.

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
use micro_message::internal::INHERITED;

/// Handle to durable event streams: appends events to topics, reads topics from any offset, and
/// shares them among the consumers of a group.
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
    /// Creates a handle for a backend.
    pub fn new(backend: impl Backend) -> Self {
        Self {
            scheme: backend.scheme(),
            backend: Arc::new(backend),
            limits: Limits::default(),
        }
    }

    /// Opens events by URL, for example `memory://` or `file:///var/lib/shop/events`. The settings
    /// after `?` are documented at the backend. This function opens no file or connection.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an unknown scheme (the error lists the known ones) and for settings
    /// that the backend does not know; `Unimplemented` for a scheme whose cargo feature is
    /// disabled.
    pub fn open(url: &str) -> Result<Self> {
        url::open(url, &[])
    }

    /// Like [`open`](Self::open), with additional schemes. These take precedence over announced
    /// ones.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(url: &str, schemes: &[Scheme]) -> Result<Self> {
        url::open(url, schemes)
    }

    /// Sets the maximum size of a payload in bytes. Default: 4 MiB.
    pub fn with_payload_limit(mut self, bytes: usize) -> Self {
        self.limits.payload = bytes;
        self.limits.batch_bytes = self.limits.batch_bytes.max(bytes);
        self
    }

    /// The backend's URL scheme, for logs and reports.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The optional features that the backend supports.
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Appends a message to the topic of its type. Returns its offset once it is durable.
    ///
    /// # Errors
    ///
    /// As for [`append_to`](Self::append_to).
    ///
    /// # Cancel safety
    ///
    /// As for [`append_to`](Self::append_to).
    pub async fn append<T: Topic>(&self, event: &T) -> Result<u64> {
        self.append_to(T::TOPIC, Event::of(event)).await
    }

    /// Appends an event. Returns its offset once the event is as durable as the backend promises.
    ///
    /// Waits while the backend's write queue is full. Within a call, the event receives the trace
    /// context and the `baggage` of the call as metadata.
    ///
    /// An event with an [`id`](Event::id) can be appended again after an error or a timeout. The
    /// topic then contains it once, and the call returns its original offset, as long as the
    /// backend remembers the id: by default, for the last 16,384 records of the topic. To store the
    /// event a second time, use another id.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid topic name and for an event that is too large;
    /// `ResourceExhausted` if the backend is full; `FailedPrecondition` if the backend's directory
    /// was removed or renamed; and errors of the backend.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the event may or may not be appended. An event with an id can
    /// safely be appended again.
    pub async fn append_to(&self, topic: &str, event: impl Into<Event>) -> Result<u64> {
        self.append_batch(topic, [event.into()]).await
    }

    /// Appends all events of a batch in order, or none of them. Returns the offset of the first.
    /// The others follow without a gap, unless some of them had already been appended with the same
    /// id.
    ///
    /// # Errors
    ///
    /// As for [`append_to`](Self::append_to), and `InvalidArgument` for an empty batch, for more
    /// than 10,000 events and for more than 16 MiB.
    ///
    /// # Cancel safety
    ///
    /// As for [`append_to`](Self::append_to).
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

    /// Reads the records of a topic from `start` and then follows the end of the topic. A topic
    /// that does not exist yet counts as empty.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid topic name, `OutOfRange` for an offset that has been
    /// removed or is greater than the next offset, `Unimplemented` if the backend cannot start at a
    /// time, and errors of the backend.
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

    /// Adds a consumer to a group. The group receives each record at least once. Its consumers
    /// share the records, and records with the same key are delivered in order.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid topic or group name and for limits of 0. For a new group
    /// with a start position, also the errors of [`read`](Self::read).
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

    /// Number of records that the group has not acknowledged. For an unknown group, the number of
    /// all records in the topic. The number is computed from offsets, so offsets in a gap count
    /// until the group has passed the gap.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid topic or group name, and errors of the backend.
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

    /// Names of the existing topics, sorted.
    ///
    /// # Errors
    ///
    /// Errors of the backend.
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

    /// Removes records from the beginning of a topic. Backends remove records in larger units, so
    /// more records may remain than requested, but never fewer.
    ///
    /// A group that has not acknowledged removed records continues with the oldest remaining
    /// record.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid topic name, `Unimplemented` if the backend does not support
    /// trimming, and errors of the backend.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the records may or may not be removed.
    pub async fn trim(&self, topic: &str, trim: Trim) -> Result<()> {
        check_name("topic", topic)?;
        let trimmed = self.backend.trim(topic, trim).await;
        trimmed.map_err(|e| self.with_context(e, format_args!("trim `{topic}`")))
    }

    /// Removes a topic with its records and groups. Its readers and consumers end. If the topic is
    /// created again, its offsets start at 0.
    ///
    /// # Errors
    ///
    /// As for [`trim`](Self::trim).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the topic may or may not be removed.
    pub async fn delete(&self, topic: &str) -> Result<()> {
        check_name("topic", topic)?;
        let deleted = self.backend.delete(topic).await;
        deleted.map_err(|e| self.with_context(e, format_args!("delete `{topic}`")))?;
        tracing::info!(events = self.scheme, topic, "deleted");
        Ok(())
    }

    /// Finishes pending operations and releases the backend's resources. Later operations of all
    /// clones fail with `Unavailable`. Closing a closed handle has no effect.
    ///
    /// # Errors
    ///
    /// Fails if pending appends cannot be made durable.
    ///
    /// # Cancel safety
    ///
    /// Closing continues if the future is dropped.
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

/// Default name of a topic's dead-letter topic.
pub(super) fn dead_topic(topic: &str) -> String {
    format!("{topic}.dead")
}

/// Copies the trace context and the baggage of the current call to events that do not have their
/// own.
fn trace(events: &mut [Event]) -> Result<()> {
    let Some(context) = Context::current() else {
        return Ok(());
    };
    for event in events {
        // `tracestate` belongs to the `traceparent` beside it.
        let has_trace = event.metadata.get("traceparent").is_some();
        for key in INHERITED {
            let own = event.metadata.get(key).is_some();
            if own || (has_trace && key == "tracestate") {
                continue;
            }
            for value in context.metadata().get_all(key) {
                event.metadata.append(key, value)?;
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

    #[tokio::test]
    async fn baggage_of_the_call_is_appended_with_the_event() {
        let events = Events::open("memory://").unwrap();
        let mut metadata = Metadata::new();
        for (key, value) in [
            ("tracestate", "a=1"),
            ("baggage", "user=ada"),
            ("baggage", "plan=free"),
            ("tenant", "acme"),
        ] {
            metadata.append(key, value).unwrap();
        }
        let mut own = Metadata::new();
        own.insert("traceparent", "00-1-2-01").unwrap();
        own.insert("baggage", "user=eve").unwrap();
        let own = Event::new("").with_metadata(own);
        let append = async {
            events.append_to("a", "x").await.unwrap();
            events.append_to("a", own).await.unwrap();
        };
        Context::new().with_metadata(metadata).scope(append).await;
        let mut records = events.read("a", Start::Earliest).await.unwrap();
        for expected in [
            vec![
                ("tracestate", "a=1"),
                ("baggage", "user=ada"),
                ("baggage", "plan=free"),
            ],
            vec![("traceparent", "00-1-2-01"), ("baggage", "user=eve")],
        ] {
            let record = records.next().await.unwrap().unwrap();
            let metadata: Vec<_> = record.event.metadata.iter().collect();
            assert_eq!(metadata, expected);
        }
    }
}
