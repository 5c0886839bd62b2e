//! `Wrap`, `Next` and `Chain`: wraps that run one inside another, around a handler or a network
//! call.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::handler::{BoxFuture, Call, Endpoint, Response};
use micro_message::error::Result;

/// Code around calls and events (middleware).
///
/// A wrap may change the call, return early, run the rest more than once ([`Call::try_clone`]), and
/// change the response. `#[micro::wrap]` turns an async function into a wrap.
pub trait Wrap: Send + Sync + 'static {
    /// Handles a call. `next.run(call)` runs the rest of the chain.
    fn wrap<'a>(
        &'a self,
        call: Call,
        next: Next<'a>,
    ) -> impl Future<Output = Result<Response>> + Send + 'a;
}

/// Object-safe version of [`Wrap`] that boxes the future.
trait Erased: Send + Sync {
    fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Result<Response>>;
}

impl<W: Wrap> Erased for W {
    fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Result<Response>> {
        Box::pin(Wrap::wrap(self, call, next))
    }
}

/// A list of wraps, the outermost first.
#[derive(Clone, Default)]
pub struct Chain(Vec<Arc<dyn Erased>>);

impl Chain {
    /// Creates a chain without wraps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a wrap inside the existing ones.
    pub fn push(&mut self, wrap: impl Wrap) {
        self.0.push(Arc::new(wrap));
    }

    /// Adds the wraps of another chain inside the existing ones.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Whether the chain is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs a call through the wraps, and then `end`.
    pub fn run<'a>(&'a self, call: Call, end: &'a dyn Endpoint) -> BoxFuture<'a, Result<Response>> {
        Next { rest: &self.0, end }.run(call)
    }

    /// Returns an endpoint that runs calls through the wraps, and then `end`. An empty chain
    /// returns `end` itself.
    pub fn into_endpoint(self, end: Arc<dyn Endpoint>) -> Arc<dyn Endpoint> {
        if self.is_empty() {
            end
        } else {
            Arc::new(Wrapped { chain: self, end })
        }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.0.len())
    }
}

/// The rest of a chain, as a wrap sees it: the inner wraps, and then the handler or the network
/// call.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    rest: &'a [Arc<dyn Erased>],
    end: &'a dyn Endpoint,
}

impl<'a> Next<'a> {
    /// Runs the rest of the chain. `Next` is `Copy`: a wrap may run the rest again with a clone of
    /// the call.
    pub fn run(self, call: Call) -> BoxFuture<'a, Result<Response>> {
        match self.rest.split_first() {
            None => self.end.call(call),
            Some((wrap, rest)) => wrap.wrap(
                call,
                Next {
                    rest,
                    end: self.end,
                },
            ),
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Next({} more)", self.rest.len())
    }
}

/// An endpoint with wraps around it.
struct Wrapped {
    chain: Chain,
    end: Arc<dyn Endpoint>,
}

impl Endpoint for Wrapped {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        self.chain.run(call, &*self.end)
    }
}
