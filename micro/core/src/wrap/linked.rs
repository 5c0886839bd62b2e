//! Which wraps surround which calls: order and filters, of linked wraps and of given ones.

use crate::handler::{BoxFuture, Call, Location, MethodInfo, Resources, Response};
use crate::wrap::chain::{Chain, Next, Wrap};
use micro_message::error::Result;
use micro_message::internal::sort_by_key;

/// What a wrap surrounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum On {
    /// Calls to methods that this process serves.
    Rpc,
    /// Events that this process receives.
    Event,
    /// Calls that this process makes.
    Client,
    /// Calls to methods served here, and events: the default.
    #[default]
    Served,
    /// All of these.
    All,
}

impl On {
    /// Whether a wrap on `self` surrounds what `place` names: `Rpc`, `Event` or `Client`.
    pub fn covers(self, place: Self) -> bool {
        self == Self::All || self == place || (self == Self::Served && place != Self::Client)
    }
}

/// A wrap with its order and filters.
#[derive(Debug, Clone)]
pub struct ScopedWrap {
    /// The name, for logs and the start-up report.
    pub name: &'static str,
    /// Lower is further out; equal orders go by name.
    pub order: i32,
    /// What it surrounds.
    pub on: On,
    /// Only calls to the service registered under this name.
    pub service: Option<&'static str>,
    /// Only calls to methods of this name, in the function's or the wire's spelling.
    pub method: Option<&'static str>,
    /// Where it is defined.
    pub location: Option<Location>,
    chain: Chain,
}

impl ScopedWrap {
    /// A wrap around everything served, order 0.
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

    /// The chain of those wraps that surround a method, the outermost first.
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

/// Whether `hello_all` or `HelloAll` names the method `HelloAll`.
pub fn same_name(name: &str, method: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    name == method || plain(name) == plain(method)
}

/// A wrap found at link time.
#[derive(Debug)]
pub struct LinkedWrap {
    /// The function's name.
    pub name: &'static str,
    /// Lower is further out.
    pub order: i32,
    /// What it surrounds.
    pub on: On,
    /// Only calls to the service registered under this name.
    pub service: Option<&'static str>,
    /// Only calls to methods of this name.
    pub method: Option<&'static str>,
    /// The function.
    pub call: for<'a> fn(&'a Resources, Call, Next<'a>) -> BoxFuture<'a, Result<Response>>,
    /// Where it is defined.
    pub location: Location,
}
crate::__collector!(LinkedWrap, LINKED_WRAPS);

/// A linked wrap within one app.
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

    /// The wrap within an app, whose handles its parameters are injected from.
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
