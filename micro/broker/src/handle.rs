//! What users hold: one broker, whatever backend is behind it.
//!
//! Checks names, limits time, logs, keeps dead letters, and says in each error which broker could
//! not do what.

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
use micro_core::handler::{FromApp, Resources, Served};
use micro_core::internal::deadline_after;
use micro_message::codec::{Message, Topic};
use micro_message::error::{Error, Result};

/// How long publishing may take unless told otherwise.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Topics: publish and subscribe.
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
}

pub(super) struct Inner {
    backend: Box<dyn Erased>,
    scheme: &'static str,
    dead: DeadLetters,
}

impl Broker {
    /// A broker over a backend.
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
        }
    }

    pub(super) fn open_memory(rest: &str) -> Result<Self> {
        Memory::open(rest).map(Self::new)
    }

    /// The services through which the backend takes events in, to be answered on this process's
    /// port; see [`Backend::services`].
    pub fn services(&self) -> Vec<Served> {
        self.inner.backend.services()
    }

    /// Tells the backend that this process is going to publish; see [`Backend::will_publish`].
    pub fn will_publish(&self) {
        self.inner.backend.will_publish();
    }

    /// The broker that a URL names: `http://`, `memory://`. Nothing is contacted yet.
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

    /// Sets how long publishing may take when the event does not say; 10 s unless set.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The backend's scheme; for logs and reports.
    pub fn scheme(&self) -> &'static str {
        self.inner.scheme
    }

    /// What the backend can do.
    pub fn capabilities(&self) -> Capabilities {
        self.inner.backend.capabilities()
    }

    /// Tells the backend where it is: the registry there is and, once there is one, the address
    /// at which this process listens. The app does.
    ///
    /// # Errors
    ///
    /// What keeps the backend's subscribers from being found.
    pub async fn attach(&self, host: &HostInfo) -> Result<()> {
        let placed = self.inner.backend.attach(host).await;
        placed.map_err(|error| self.with_context(error, format_args!("begin")))
    }

    /// Publishes an event under the topic of its type; the call is awaited.
    ///
    /// It returns when every queue and plain subscriber of the topic took the event, with their
    /// number. `Ok` with 0 means that nobody subscribes: nobody has within the last 15 s, or those
    /// who did have ended in order. It does not mean that the subscribers cannot be found:
    ///
    /// - A subscriber that was known stays one while the connection to its process is open,
    ///   whatever the registry says, until the process says that it has ended. When the registry
    ///   forgets a subscriber, the publisher asks the process itself.
    /// - Where neither the registry nor the process tells of a subscriber any more (it was killed,
    ///   the network is gone), publishing fails for 15 s: for a queue that has no other member,
    ///   once none has come by the deadline; for a subscriber without a queue, at once and only if
    ///   the topic has no other subscriber. The error is `Unavailable`. Other subscribers may have
    ///   taken the event.
    /// - A subscriber that ends in order ([`Subscription::leave`], [`Subscription::close`],
    ///   dropped, or with its app) says so, and publishing goes on without it. It cannot say so to
    ///   a publisher that the registry tells too late, when the process has ended already and
    ///   there was no connection: then it counts as one that was killed. Programs of Go Micro say
    ///   nothing and count as killed as well.
    ///
    /// A publisher that starts while the registry is empty knows of nobody. What must not be lost
    /// then belongs into a durable stream (`micro::events`).
    pub fn publish<T: Topic>(&self, event: &T) -> Publish {
        self.publish_to(T::TOPIC, event)
    }

    /// Publishes a message under a topic; the call is awaited.
    pub fn publish_to<M: Message>(&self, topic: &str, message: &M) -> Publish {
        Publish::new(self.clone(), Event::new(topic, message), self.timeout)
    }

    /// Publishes an event that was put together by hand; the call is awaited.
    pub fn publish_event(&self, event: Event) -> Publish {
        Publish::new(self.clone(), Ok(event), self.timeout)
    }

    /// Publishes events in their order; returns how many queues and plain subscribers took each.
    ///
    /// # Errors
    ///
    /// As [`Publish`]: those who did not take an event are named. Other events may have been
    /// taken.
    ///
    /// # Cancel safety
    ///
    /// When cancelled some may have been published.
    pub async fn publish_all(&self, events: Vec<Event>) -> Result<Vec<usize>> {
        let deadline = deadline_after(Instant::now(), self.timeout);
        self.send(events, deadline).await
    }

    pub(super) async fn send(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        // Where nobody subscribes, or all have room, nothing is waited for: whoever publishes in a
        // loop must not keep the tasks of his thread from running, by which subscribers are found.
        tokio::task::consume_budget().await;
        let sent = self.inner.backend.publish(events, deadline).await;
        sent.map_err(|error| self.with_context(error, format_args!("publish")))
    }

    /// Feeds the topics of a pattern to an async function, until the subscription ends.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the pattern is none or the options cannot be, and what the backend
    /// reports.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// When cancelled, nobody is subscribed.
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
        options: Options,
        run: HandlerFn,
    ) -> Result<Subscription> {
        let pattern = Pattern::parse(pattern)?;
        options.check()?;
        let doing = format!("subscribe to `{pattern}`");
        if !pattern.is_exact() && !self.capabilities().patterns {
            let error = Error::unimplemented("it knows no patterns, name each topic");
            return Err(self.with_context(error, format_args!("{doing}")));
        }
        let inbox = Inbox::start(pattern, options, run, dead_letter(&self.inner));
        // Ends the inbox when subscribing fails or is cancelled.
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

    /// Waits until everything that was published from here is settled, for at most `grace`;
    /// returns how many deliveries are not.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn flush(&self, grace: Duration) -> usize {
        self.inner.backend.flush(grace).await
    }

    /// The dead letters that this broker keeps, the oldest first, at most 1,024: those of
    /// subscribers without a `dead_letter` topic, and events that were taken but nobody was left
    /// to handle. They end with the process.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead.all()
    }

    /// Takes the dead letters that this broker keeps.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead.take()
    }

    fn with_context(&self, error: Error, what: fmt::Arguments<'_>) -> Error {
        error.context(format_args!("broker `{}`: cannot {what}", self.scheme()))
    }
}

/// What becomes of events that a subscriber cannot handle.
fn dead_letter(inner: &Arc<Inner>) -> DeadLetterHandler {
    let dead = inner.dead.clone();
    // The inbox is held by the backend: it must not hold the broker.
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

/// The app's broker. Whoever asks for it is taken to be going to publish.
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
