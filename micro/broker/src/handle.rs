//! [`Broker`]: the handle that users hold, independent of the backend.
//!
//! The handle validates names, applies timeouts, logs, keeps dead letters, and adds the broker and
//! the operation to each error.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Backend, Capabilities, Erased};
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::delivery::{Delivery, HandlerFn};
use crate::inbox::{DeadLetterHandler, Inbox};
use crate::memory::Memory;
use crate::options::Options;
use crate::publish::Publish;
use crate::record::{Event, HostInfo};
use crate::subscription::Subscription;
use crate::topic::Pattern;
use crate::url::{self, Scheme};
use micro_core::handler::{AccessLog, FromApp, Resources, Served};
use micro_core::internal::deadline_after;
use micro_message::codec::{Message, Topic};
use micro_message::error::{Error, Result};

/// Default timeout of a publish operation.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Handle to a broker, for publishing and subscribing to topics.
///
/// Cheap to clone; clones share the backend.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// use micro::broker::{Broker, Delivery, Options};
///
/// #[micro::message(topic = "orders.made")]
/// struct Made {
///     order: u64,
/// }
///
/// let broker = Broker::open("memory://")?;
/// let options = Options::new().queue("audit");
/// let audit = broker.subscribe("orders.*", options, |delivery: Delivery| async move {
///     let made: Made = delivery.event().decode()?;
///     assert_eq!(made.order, 7);
///     Ok(())
/// });
/// let audit = audit.await?;
/// broker.publish(&Made { order: 7 }).key("7").await?;
/// audit.idle().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
    timeout: Duration,
    access_log: AccessLog,
}

pub(super) struct Inner {
    backend: Box<dyn Erased>,
    scheme: &'static str,
    dead: DeadLetters,
}

impl Broker {
    /// Creates a broker with the given backend.
    pub fn new(backend: impl Backend) -> Self {
        let dead = DeadLetters::default();
        let kept = dead.clone();
        backend.undelivered(Arc::new(move |letter| kept.keep(letter, None)));
        let scheme = backend.scheme();
        Self {
            inner: Arc::new(Inner {
                backend: Box::new(backend),
                scheme,
                dead,
            }),
            timeout: PUBLISH_TIMEOUT,
            access_log: AccessLog::default(),
        }
    }

    pub(super) fn open_memory(rest: &str) -> Result<Self> {
        Memory::open(rest).map(Self::new)
    }

    /// Returns the services through which the backend receives events. The app serves them on its
    /// port; see [`Backend::services`].
    pub fn services(&self) -> Vec<Served> {
        self.inner.backend.services()
    }

    /// Notifies the backend that this process is going to publish; see [`Backend::will_publish`].
    pub fn will_publish(&self) {
        self.inner.backend.will_publish();
    }

    /// Opens the broker for a URL, for example `http://` or `memory://`. No connection is made yet.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the scheme is not registered (the error lists the known
    /// schemes) or if the backend rejects the settings, and `Unimplemented` if the scheme's cargo
    /// feature is disabled.
    pub fn open(url: &str) -> Result<Self> {
        url::open(url, &[])
    }

    /// Like [`open`](Self::open), with additional schemes that take precedence over the registered
    /// ones.
    ///
    /// # Errors
    ///
    /// Same as [`open`](Self::open).
    pub fn open_with(url: &str, schemes: &[Scheme]) -> Result<Self> {
        url::open(url, schemes)
    }

    /// Sets the timeout for events that are published without a timeout of their own.
    /// Default: 10 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets which events are logged, for subscriptions that begin through this handle.
    /// Default: [`AccessLog::Errors`]. An app sets it from its setting `access_log`.
    pub fn with_access_log(mut self, access_log: AccessLog) -> Self {
        self.access_log = access_log;
        self
    }

    /// Returns the backend's scheme, for logs and reports.
    pub fn scheme(&self) -> &'static str {
        self.inner.scheme
    }

    /// Returns the backend's capabilities.
    pub fn capabilities(&self) -> Capabilities {
        self.inner.backend.capabilities()
    }

    /// Passes the process's registry and, once known, its listening address to the backend. The app
    /// calls this.
    ///
    /// # Errors
    ///
    /// Fails if the backend's subscribers cannot be registered.
    pub async fn attach(&self, host: &HostInfo) -> Result<()> {
        let placed = self.inner.backend.attach(host).await;
        placed.map_err(|error| self.with_context(error, format_args!("begin")))
    }

    /// Publishes an event to the topic of its type. Await the returned value to publish.
    ///
    /// The future completes when every queue and plain subscriber of the topic has accepted the
    /// event, and returns their number. `Ok` with 0 means that the topic has no subscribers: there
    /// were none within the last 15 s, or all of them ended gracefully. It does not mean that known
    /// subscribers could not be reached:
    ///
    /// - A known subscriber stays known while the connection to its process is open, whatever the
    ///   registry reports, until the process reports that the subscriber has ended. When the
    ///   registry drops a subscriber, the publisher asks the process itself.
    /// - If neither the registry nor the process reports a subscriber any more (the process was
    ///   killed, or the network failed), publishing fails with `Unavailable` for 15 s. If the
    ///   subscriber was the last member of a queue, publishing fails once the deadline passes
    ///   without a new member. If it had no queue, publishing fails immediately, and only if the
    ///   topic has no other subscriber. Other subscribers may have accepted the event.
    /// - A subscriber that ends gracefully ([`Subscription::leave`], [`Subscription::close`], drop,
    ///   or the end of its app) notifies the publishers, and publishing continues without it. The
    ///   notification does not reach a publisher without a connection to the process that learns of
    ///   the subscriber from the registry only after the process has ended. For this publisher the
    ///   subscriber counts as killed. Go Micro programs do not send this notification and always
    ///   count as killed.
    ///
    /// A publisher that starts while the registry is empty does not know any subscribers. Publish
    /// events that must not be lost to a durable stream instead (`micro::events`).
    pub fn publish<T: Topic>(&self, event: &T) -> Publish {
        self.publish_to(T::TOPIC, event)
    }

    /// Publishes a message to a topic. Await the returned value to publish.
    pub fn publish_to<M: Message>(&self, topic: &str, message: &M) -> Publish {
        Publish::new(self.clone(), Event::new(topic, message), self.timeout)
    }

    /// Publishes an event that was built by hand. Await the returned value to publish.
    pub fn publish_event(&self, event: Event) -> Publish {
        Publish::new(self.clone(), Ok(event), self.timeout)
    }

    /// Publishes events in order. Returns the number of queues and plain subscribers that accepted
    /// each.
    ///
    /// # Errors
    ///
    /// Same as [`Publish`]. The error names the queues and subscribers that did not accept an
    /// event. Other events may have been accepted.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some of the events may have been published.
    pub async fn publish_all(&self, events: Vec<Event>) -> Result<Vec<usize>> {
        let deadline = deadline_after(Instant::now(), self.timeout);
        self.send(events, deadline).await
    }

    pub(super) async fn send(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        // Publishing does not wait if the topic has no subscribers or all of them have room. A loop
        // that publishes must still yield to the other tasks of its thread, because these discover
        // the subscribers.
        tokio::task::consume_budget().await;
        let sent = self.inner.backend.publish(events, deadline).await;
        sent.map_err(|error| self.with_context(error, format_args!("publish")))
    }

    /// Calls an async function for each event whose topic matches `pattern`, until the subscription
    /// ends.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the pattern or the options are invalid, `Unimplemented` if the
    /// pattern contains a wildcard and the backend does not support patterns, and otherwise the
    /// backend's error.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no subscription remains.
    pub async fn subscribe<F, Fut>(
        &self,
        pattern: &str,
        options: Options,
        function: F,
    ) -> Result<Subscription>
    where
        F: Fn(Delivery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let run: HandlerFn = Arc::new(move |delivery, _| Box::pin(function(delivery)));
        self.subscribe_with(pattern, options, run).await
    }

    #[doc(hidden)]
    pub async fn subscribe_with(
        &self,
        pattern: &str,
        mut options: Options,
        run: HandlerFn,
    ) -> Result<Subscription> {
        options.access_log = self.access_log;
        let pattern = Pattern::parse(pattern)?;
        options.check()?;
        let doing = format!("subscribe to `{pattern}`");
        if !pattern.is_exact() && !self.capabilities().patterns {
            let error = Error::unimplemented("it knows no patterns, name each topic");
            return Err(self.with_context(error, format_args!("{doing}")));
        }
        let inbox = Inbox::start(pattern, options, run, dead_letter(&self.inner));
        // The guard ends the inbox if subscribing fails or is cancelled.
        let subscription = Subscription::new(self.clone(), inbox.clone());
        let subscribed = self.inner.backend.subscribe(inbox.clone()).await;
        subscribed.map_err(|error| self.with_context(error, format_args!("{doing}")))?;
        tracing::debug!(
            broker = self.scheme(),
            topics = inbox.pattern().as_str(),
            queue = inbox.queue(),
            subscriber = inbox.name(),
            "subscribed"
        );
        Ok(subscription)
    }

    pub(super) async fn unsubscribe(&self, inbox: &Inbox) -> Result<()> {
        let ended = self.inner.backend.unsubscribe(inbox).await;
        ended.map_err(|error| {
            let topics = inbox.pattern();
            self.with_context(error, format_args!("end the subscription to `{topics}`"))
        })
    }

    /// Waits up to `grace` until every event published by this process has an outcome. Returns the
    /// number of deliveries that have none.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn flush(&self, grace: Duration) -> usize {
        self.inner.backend.flush(grace).await
    }

    /// Returns the stored dead letters, oldest first, at most 1,024.
    ///
    /// The broker stores dead letters of subscribers without a `dead_letter` topic, and accepted
    /// events whose last subscriber has ended. They are lost when the process ends.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead.all()
    }

    /// Removes and returns the stored dead letters.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead.take()
    }

    fn with_context(&self, error: Error, what: fmt::Arguments<'_>) -> Error {
        error.context(format_args!("broker `{}`: cannot {what}", self.scheme()))
    }
}

/// Creates the function that publishes or stores the events that a subscriber cannot handle.
fn dead_letter(inner: &Arc<Inner>) -> DeadLetterHandler {
    let dead = inner.dead.clone();
    // The backend holds the inbox, so a strong reference to the broker would form a cycle.
    let inner: Weak<Inner> = Arc::downgrade(inner);
    Arc::new(move |letter, topic| {
        let (dead, broker) = (dead.clone(), inner.upgrade());
        Box::pin(async move {
            let (Some(topic), Some(inner)) = (topic, broker) else {
                return dead.keep(letter, None);
            };
            let event = letter.clone().into_event(&topic);
            let deadline = Instant::now() + PUBLISH_TIMEOUT;
            let why = match inner.backend.publish(vec![event], deadline).await {
                Ok(counts) if counts.iter().any(|&count| count > 0) => {
                    let (topic, id) = (&letter.event.topic, &letter.event.id);
                    let reason = &letter.reason;
                    tracing::warn!(topic, id, reason, "event not handled; it is a dead letter");
                    return;
                }
                Ok(_) => Error::unavailable(format!("nobody subscribes to `{topic}`")),
                Err(error) => error,
            };
            dead.keep(letter, Some(&why));
        })
    })
}

/// Injects the app's broker. A request for it counts as an intention to publish.
impl FromApp for Broker {
    fn from_app(app: &Resources) -> Result<Self> {
        let broker = (*app.get::<Self>()?).clone();
        broker.will_publish();
        Ok(broker)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}
