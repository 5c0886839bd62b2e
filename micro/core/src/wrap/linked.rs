//! Wraps with an order and filters, both linked ones and those given to the builder.

use crate::handler::{BoxFuture, Call, Location, MethodInfo, Resources, Response};
use crate::wrap::chain::{Chain, Next, Wrap};
use micro_message::error::Result;
use micro_message::internal::sort_by_key;

/// The kind of calls that a wrap applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum On {
    /// Calls to methods that this process serves.
    Rpc,
    /// Events that this process receives.
    Event,
    /// Calls that this process makes.
    Client,
    /// Calls to methods that this process serves, and events. The default.
    #[default]
    Served,
    /// All of these.
    All,
}

impl On {
    /// Whether a wrap on `self` applies to calls of the kind `place`, which is `Rpc`, `Event` or
    /// `Client`.
    pub fn covers(self, place: Self) -> bool {
        self == Self::All || self == place || (self == Self::Served && place != Self::Client)
    }
}

/// A wrap with its order and filters.
#[derive(Debug, Clone)]
pub struct ScopedWrap {
    /// The name, for logs and the start-up report.
    pub name: &'static str,
    /// Position in the chain. Wraps with a lower order run further outside. Wraps with equal orders
    /// are sorted by name.
    pub order: i32,
    /// The kind of calls it applies to.
    pub on: On,
    /// Limits the wrap to the service registered under this name.
    pub service: Option<&'static str>,
    /// Limits the wrap to methods of this name. Accepts the function's name and the name on the
    /// wire.
    pub method: Option<&'static str>,
    /// Source location of the definition.
    pub location: Option<Location>,
    chain: Chain,
}

impl ScopedWrap {
    /// Creates a wrap around all served calls and events, with order 0.
    pub fn new(name: &'static str, wrap: impl Wrap) -> Self {
        let mut chain = Chain::new();
        chain.push(wrap);
        let (order, on) = (0, On::default());
        Self {
            name,
            order,
            on,
            service: None,
            method: None,
            location: None,
            chain,
        }
    }

    /// Returns the chain of the wraps that apply to a method, the outermost first.
    pub fn chain(all: &[Self], place: On, method: &MethodInfo) -> Chain {
        let mut fitting: Vec<_> = all
            .iter()
            .filter(|wrap| wrap.matches(place, method))
            .collect();
        sort_by_key(&mut fitting, |wrap| (wrap.order, wrap.name));
        let mut chain = Chain::new();
        for wrap in fitting {
            chain.extend(&wrap.chain);
        }
        chain
    }

    fn matches(&self, place: On, method: &MethodInfo) -> bool {
        self.on.covers(place)
            && self.service.is_none_or(|service| service == method.service)
            && self
                .method
                .is_none_or(|name| same_name(name, method.name()))
    }
}

/// Whether two names are the same method: `hello_all` and `HelloAll` both match `HelloAll`.
pub fn same_name(name: &str, method: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    name == method || plain(name) == plain(method)
}

/// A wrap found at link time.
#[derive(Debug)]
pub struct LinkedWrap {
    /// The function's name.
    pub name: &'static str,
    /// Position in the chain. Wraps with a lower order run further outside.
    pub order: i32,
    /// The kind of calls it applies to.
    pub on: On,
    /// Limits the wrap to the service registered under this name.
    pub service: Option<&'static str>,
    /// Limits the wrap to methods of this name.
    pub method: Option<&'static str>,
    /// Function that runs the wrap, with its parameters injected.
    pub call: for<'a> fn(&'a Resources, Call, Next<'a>) -> BoxFuture<'a, Result<Response>>,
    /// Source location of the definition.
    pub location: Location,
}
crate::__collector!(LinkedWrap, LINKED_WRAPS);

/// A linked wrap bound to one app.
struct Bound {
    record: &'static LinkedWrap,
    resources: Resources,
}

impl Wrap for Bound {
    fn wrap<'a>(
        &'a self,
        call: Call,
        next: Next<'a>,
    ) -> impl Future<Output = Result<Response>> + Send + 'a {
        (self.record.call)(&self.resources, call, next)
    }
}

impl LinkedWrap {
    fn key(&self) -> impl Ord {
        (self.location, self.name)
    }

    /// Binds the wrap to an app. Its parameters are injected from the app's resources.
    pub fn bind(&'static self, resources: Resources) -> ScopedWrap {
        ScopedWrap {
            order: self.order,
            on: self.on,
            service: self.service,
            method: self.method,
            location: Some(self.location),
            ..ScopedWrap::new(
                self.name,
                Bound {
                    record: self,
                    resources,
                },
            )
        }
    }
}
