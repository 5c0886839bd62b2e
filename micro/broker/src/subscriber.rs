//! [`Subscriber`]: a function that receives the events of a topic, with its options.
//!
//! The broker enforces deadlines, catches panics and retries. This module converts an event to a
//! call, so that wraps apply to it, and the call to the parameters of the function.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::delivery::{Delivery, HandlerFn};
use crate::options::Options;
use crate::record::Event;
use crate::topic::Pattern;
use micro_core::handler::{
    Body, BoxFuture, Call, Endpoint, FromCall, Instance, Location, MethodInfo, Parts, Payload,
    Resources, Response,
};
use micro_core::wrap::Chain;
use micro_message::codec::{Message, Types};
use micro_message::error::{Error, Result};

/// Type of a subscriber's last parameter: a message, or the [`Event`] itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "if `{Self}` is your own struct or enum with data, put \
            `#[micro::message(topic = \"…\")]` on it",
    note = "to receive events of any type, take `micro::broker::Event`"
)]
pub trait EventPayload: Sized + Send + 'static {
    /// Adds the type's descriptor, if it has one.
    fn describe(types: &mut Types);

    /// Converts the event to the payload that wraps see.
    ///
    /// # Errors
    ///
    /// Fails if the event can never be converted.
    fn payload(event: &Event) -> Result<Payload>;

    /// Decodes the event.
    ///
    /// # Errors
    ///
    /// Fails if the payload is not a valid `Self`.
    fn read(payload: Payload, delivery: &Delivery) -> Result<Self>;
}

impl<M: Message> EventPayload for M {
    fn describe(types: &mut Types) {
        M::describe(types);
    }

    fn payload(event: &Event) -> Result<Payload> {
        let codec = event.codec().ok_or_else(|| {
            let kind = event.content_type.escape_debug();
            Error::invalid_argument(format!(
                "content type `{kind}` is not `application/proto` or `application/json`"
            ))
        })?;
        Ok(Payload::Encoded {
            codec,
            bytes: event.body.clone(),
            memory: event.memory(),
        })
    }

    fn read(payload: Payload, _delivery: &Delivery) -> Result<Self> {
        payload.into_message()
    }
}

impl EventPayload for Event {
    fn describe(_types: &mut Types) {}

    fn payload(_event: &Event) -> Result<Payload> {
        Ok(Payload::value(()))
    }

    fn read(_payload: Payload, delivery: &Delivery) -> Result<Self> {
        Ok(delivery.event().clone())
    }
}

/// Functions of an [`EventPayload`] implementation, without the trait bound.
#[doc(hidden)]
#[derive(Debug)]
pub struct EventParts<T> {
    describe: fn(&mut Types),
    payload: fn(&Event) -> Result<Payload>,
    read: fn(Payload, &Delivery) -> Result<T>,
}

impl<T: EventPayload> EventParts<T> {
    /// Returns the functions of `T`.
    pub const fn of() -> Self {
        Self {
            describe: T::describe,
            payload: T::payload,
            read: T::read,
        }
    }
}

type Serve = Arc<dyn Fn(Parts, Payload) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A function that receives the events of a topic.
///
/// # Examples
///
/// Without an attribute:
///
/// ```
/// use micro::broker::{Options, Subscriber};
/// use micro::handler::Parts;
///
/// #[micro::message(topic = "orders.made")]
/// struct Made {
///     order: u64,
/// }
///
/// let audit = Subscriber::new("audit", "orders.made", |_: Parts, made: Made| async move {
///     println!("{}", made.order);
///     Ok(())
/// });
/// let audit = audit.options(Options::new().queue("audit"));
/// # drop(audit);
/// ```
#[derive(Clone)]
pub struct Subscriber {
    /// Name in logs and reports.
    #[doc(hidden)]
    pub name: &'static str,
    /// Topic or pattern.
    #[doc(hidden)]
    pub pattern: &'static str,
    /// Doc comment of the function.
    #[doc(hidden)]
    pub doc: &'static str,
    /// Delivery options.
    #[doc(hidden)]
    pub options: Options,
    /// Durable stream that the subscriber reads instead of the broker.
    #[doc(hidden)]
    pub durable: Option<Durable>,
    /// Source location of the definition.
    #[doc(hidden)]
    pub location: Option<Location>,
    describe: fn(&mut Types),
    payload: fn(&Event) -> Result<Payload>,
    serve: Serve,
}

/// Durable stream that a subscriber reads, and its consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durable {
    /// Name of the stream.
    pub stream: &'static str,
    /// Consumer group whose members share the events. Default: the subscriber's name.
    pub group: Option<&'static str>,
    /// Position at which a new group starts: `earliest`, `latest` or an offset.
    pub from: Option<&'static str>,
}

impl Durable {
    /// Creates the description of a reader of `stream`.
    pub const fn new(stream: &'static str) -> Self {
        Self {
            stream,
            group: None,
            from: None,
        }
    }

    /// Sets the consumer group.
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Sets the position at which a new group starts.
    pub const fn from(mut self, from: &'static str) -> Self {
        self.from = Some(from);
        self
    }
}

impl Subscriber {
    /// Creates a subscriber from its name, its topic or pattern, and an async function.
    pub fn new<T, F, Fut>(name: &'static str, pattern: &'static str, function: F) -> Self
    where
        T: EventPayload,
        F: Fn(Parts, T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self::from_parts((name, pattern), EventParts::of(), function)
    }

    /// Creates a subscriber from the decoding functions of its event type.
    #[doc(hidden)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the parts are three functions"
    )]
    pub fn from_parts<T, F, Fut>(
        (name, pattern): (&'static str, &'static str),
        parts: EventParts<T>,
        function: F,
    ) -> Self
    where
        T: Send + 'static,
        F: Fn(Parts, T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let EventParts {
            describe,
            payload,
            read,
        } = parts;
        let serve: Serve = Arc::new(move |parts, payload| {
            let function = function.clone();
            Box::pin(async move {
                let delivery = Delivery::from_call(&parts)?;
                match read(payload, &delivery) {
                    Ok(event) => function(parts, event).await,
                    Err(error) => Err(poison(&delivery, error)),
                }
            })
        });
        Self {
            name,
            pattern,
            doc: "",
            options: Options::new().name(name),
            durable: None,
            location: None,
            describe,
            payload,
            serve,
        }
    }

    /// Sets the delivery options.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options.name(self.name);
        self
    }

    /// Reads from a durable stream instead of the broker.
    pub fn durable(mut self, durable: Durable) -> Self {
        self.durable = Some(durable);
        self
    }

    /// Sets the doc comment.
    pub fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Sets the source location of the definition.
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Adds the descriptor of the payload's type.
    pub fn describe(&self, types: &mut Types) {
        (self.describe)(types);
    }

    /// Validates the pattern and the options.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` with the reason.
    pub fn check(&self) -> Result<()> {
        Pattern::parse(self.pattern)?;
        self.options.check()
    }
}

/// Dead-letters an event that cannot be decoded, because a retry cannot succeed either.
fn poison(delivery: &Delivery, error: Error) -> Error {
    delivery.dead_letter(format!("the payload cannot be read: {}", error.chain()));
    error
}

impl FromCall for Delivery {
    fn from_call(parts: &Parts) -> Result<Self> {
        parts.extension::<Self>().cloned().ok_or_else(|| {
            let path = &parts.method().path;
            Error::failed_precondition(format!(
                "`{path}` is a call, and only a subscriber has a `Delivery`"
            ))
        })
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("name", &self.name)
            .field("pattern", &self.pattern)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A subscriber within an app, with its wraps and the sources of its parameters.
pub struct BoundSubscriber {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// Method description that wraps see.
    pub method: Arc<MethodInfo>,
    wraps: Chain,
    resources: Resources,
    instance: Instance,
}

impl BoundSubscriber {
    /// Binds a subscriber to an app. `instance` is the running service that the subscriber belongs
    /// to; for a free function its value is not used.
    pub fn new(
        subscriber: Subscriber,
        method: Arc<MethodInfo>,
        wraps: Chain,
        resources: Resources,
        instance: Instance,
    ) -> Self {
        Self {
            subscriber,
            method,
            wraps,
            resources,
            instance,
        }
    }

    /// Returns the function that the broker calls for each delivery.
    pub fn run(self: Arc<Self>) -> HandlerFn {
        Arc::new(move |delivery, context| {
            let listener = Arc::clone(&self);
            Box::pin(async move {
                let payload = match (listener.subscriber.payload)(delivery.event()) {
                    Ok(payload) => payload,
                    Err(error) => return Err(poison(&delivery, error)),
                };
                let method = Arc::clone(&listener.method);
                let call = Call::new(context, method, Body::One(payload));
                let end = HandlerEndpoint {
                    listener: Arc::clone(&listener),
                    delivery,
                };
                // The result is bound to a name because the future borrows values that are dropped
                // with this block.
                let outcome = listener.wraps.run(call, &end).await;
                outcome.map(drop)
            })
        })
    }
}

impl fmt::Debug for BoundSubscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSubscriber")
            .field("subscriber", &self.subscriber)
            .finish_non_exhaustive()
    }
}

/// Endpoint at the end of the wrap chain: calls the function with one delivery.
struct HandlerEndpoint {
    listener: Arc<BoundSubscriber>,
    delivery: Delivery,
}

impl Endpoint for HandlerEndpoint {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        let (context, method, body) = call.into_parts();
        let (resources, instance) = (
            self.listener.resources.clone(),
            Arc::clone(&self.listener.instance),
        );
        let parts =
            Parts::new(context, method, resources, instance).with_extension(self.delivery.clone());
        Box::pin(async move {
            (self.listener.subscriber.serve)(parts, body.into_one()?).await?;
            Ok(Response::new(()))
        })
    }
}

/// Subscribers found at link time: those of one `impl` block, or one free function.
#[derive(Debug)]
pub struct LinkedSubscribers {
    /// Type whose methods the subscribers are. `None` for a free function.
    pub type_id: Option<fn() -> TypeId>,
    /// Creates the subscribers.
    pub subscribers: fn() -> Vec<Subscriber>,
    /// Name of the function, or of the type.
    pub name: &'static str,
    /// Source location of the definition.
    pub location: Location,
}
micro_core::__collector!(LinkedSubscribers, LINKED_SUBSCRIBERS);

impl LinkedSubscribers {
    // Every record of a type counts: if a crate is linked twice, each copy of the type has its own
    // record.
    fn key(&self) -> impl Ord {
        let own = self.type_id.map(|_| std::ptr::from_ref(self));
        (self.location, self.name, own)
    }
}
