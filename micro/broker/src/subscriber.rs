//! `Subscriber`: a function that receives the events of a topic, and how it is run.
//!
//! The frame around it (deadline, panics, retries) is the broker's; here an event becomes a call,
//! so that wraps surround it, and the call becomes the function's parameters.

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

/// What a subscriber's last parameter may be: a message, or the event as it came.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "if `{Self}` is your own struct or enum with data, put \
            `#[micro::message(topic = \"…\")]` on it",
    note = "to receive events of any type, take `micro::broker::Event`"
)]
pub trait EventPayload: Sized + Send + 'static {
    /// Adds the descriptor, if there is one.
    fn describe(types: &mut Types);

    /// What wraps look at.
    ///
    /// # Errors
    ///
    /// When the event can never be one.
    fn payload(event: &Event) -> Result<Payload>;

    /// Reads the event.
    ///
    /// # Errors
    ///
    /// When it is none.
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

/// The functions of an [`EventPayload`], without its bound.
#[doc(hidden)]
#[derive(Debug)]
pub struct EventParts<T> {
    describe: fn(&mut Types),
    payload: fn(&Event) -> Result<Payload>,
    read: fn(Payload, &Delivery) -> Result<T>,
}

impl<T: EventPayload> EventParts<T> {
    /// Those of `T`.
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
/// By hand, without any attribute:
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
    /// What it is called, in logs and reports.
    #[doc(hidden)]
    pub name: &'static str,
    /// The topic or pattern of topics.
    #[doc(hidden)]
    pub pattern: &'static str,
    /// The doc comment.
    #[doc(hidden)]
    pub doc: &'static str,
    /// How it is fed.
    #[doc(hidden)]
    pub options: Options,
    /// The durable stream that it reads instead of the broker.
    #[doc(hidden)]
    pub durable: Option<Durable>,
    /// Where it is defined.
    #[doc(hidden)]
    pub location: Option<Location>,
    describe: fn(&mut Types),
    payload: fn(&Event) -> Result<Payload>,
    serve: Serve,
}

/// Where a subscriber of a durable stream reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durable {
    /// The stream.
    pub stream: &'static str,
    /// The group whose members share the events; the subscriber's name unless set.
    pub group: Option<&'static str>,
    /// Where a group begins that has read nothing yet: `earliest`, `latest` or an offset.
    pub from: Option<&'static str>,
}

impl Durable {
    /// A reader of a stream.
    pub const fn new(stream: &'static str) -> Self {
        Self {
            stream,
            group: None,
            from: None,
        }
    }

    /// Sets the group.
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Sets where a new group begins.
    pub const fn from(mut self, from: &'static str) -> Self {
        self.from = Some(from);
        self
    }
}

impl Subscriber {
    /// A subscriber by its name, its topic or pattern of topics, and an async function.
    pub fn new<T, F, Fut>(name: &'static str, pattern: &'static str, function: F) -> Self
    where
        T: EventPayload,
        F: Fn(Parts, T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self::from_parts((name, pattern), EventParts::of(), function)
    }

    /// A subscriber from the functions of its event's type.
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

    /// Sets how it is fed.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options.name(self.name);
        self
    }

    /// Reads a durable stream instead of the broker.
    pub fn durable(mut self, durable: Durable) -> Self {
        self.durable = Some(durable);
        self
    }

    /// Sets the doc comment.
    pub fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Sets the place of definition.
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Adds the descriptor of the payload.
    pub fn describe(&self, types: &mut Types) {
        (self.describe)(types);
    }

    /// Whether it can be fed as it says.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming what is wrong.
    pub fn check(&self) -> Result<()> {
        Pattern::parse(self.pattern)?;
        self.options.check()
    }
}

/// An event that never becomes readable: no attempt helps.
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

/// A subscriber within an app: what surrounds it and where its parameters come from.
pub struct BoundSubscriber {
    /// What is run.
    pub subscriber: Subscriber,
    /// What wraps see as the method.
    pub method: Arc<MethodInfo>,
    wraps: Chain,
    resources: Resources,
    instance: Instance,
}

impl BoundSubscriber {
    /// A subscriber of a service that runs, or of none (`instance` is then anything).
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

    /// What the broker runs for each delivery.
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
                // Bound to a name: the future borrows from what is dropped with this block.
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

/// What the wraps surround: the function, given one delivery.
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

/// Subscribers found at link time: of a service's block, or one free function.
#[derive(Debug)]
pub struct LinkedSubscribers {
    /// The type whose methods they are; none for a free function.
    pub type_id: Option<fn() -> TypeId>,
    /// The subscribers.
    pub subscribers: fn() -> Vec<Subscriber>,
    /// The function's name, or that of the type.
    pub name: &'static str,
    /// Where they are defined.
    pub location: Location,
}
micro_core::__collector!(LinkedSubscribers, LINKED_SUBSCRIBERS);

impl LinkedSubscribers {
    // Each record counts: of a crate that is linked twice, each copy of a type has its own.
    fn key(&self) -> impl Ord {
        let own = self.type_id.map(|_| std::ptr::from_ref(self));
        (self.location, self.name, own)
    }
}
