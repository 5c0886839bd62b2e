//! `Wrap` and `Next`: one wrap around another, the handler or the wire in the middle.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::handler::{BoxFuture, Call, Endpoint, Response};
use micro_message::error::Result;

/// Code around calls and events (middleware).
///
/// It may change the call, answer early, run the rest more than once
/// ([`Call::try_clone`]), and change the reply. `#[micro::wrap]` makes one of an async function.
pub trait Wrap: Send + Sync + 'static {
    /// Handles a call; `next.run(call)` runs the rest.
    fn wrap<'a>(
        &'a self,
        call: Call,
        next: Next<'a>,
    ) -> impl Future<Output = Result<Response>> + Send + 'a;
}

/// The boxed twin of [`Wrap`].
trait Erased: Send + Sync {
    fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Result<Response>>;
}

impl<W: Wrap> Erased for W {
    fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Result<Response>> {
        Box::pin(Wrap::wrap(self, call, next))
    }
}

/// Wraps in order, the outermost first.
#[derive(Clone, Default)]
pub struct Chain(Vec<Arc<dyn Erased>>);

impl Chain {
    /// No wraps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a wrap inside those there are.
    pub fn push(&mut self, wrap: impl Wrap) {
        self.0.push(Arc::new(wrap));
    }

    /// Adds the wraps of another chain inside those there are.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Whether there are no wraps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs a call through the wraps to `end`.
    pub fn run<'a>(&'a self, call: Call, end: &'a dyn Endpoint) -> BoxFuture<'a, Result<Response>> {
        Next { rest: &self.0, end }.run(call)
    }

    /// An endpoint that runs calls through the wraps to `end`; `end` itself without wraps.
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

/// What comes after a wrap: the wraps inside it, then the handler or the wire.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    rest: &'a [Arc<dyn Erased>],
    end: &'a dyn Endpoint,
}

impl<'a> Next<'a> {
    /// Runs the rest. `Next` is `Copy`: a wrap may run the rest again with a copy of the call.
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

/// An endpoint inside wraps.
struct Wrapped {
    chain: Chain,
    end: Arc<dyn Endpoint>,
}

impl Endpoint for Wrapped {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        self.chain.run(call, &*self.end)
    }
}
