//! Hooks: functions that run at a phase of the app's life cycle.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::handler::{BoxFuture, Location, Resources};

/// A phase of the app's life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// After the checks, before the app listens. If the hook fails, the app does not start.
    Start,
    /// When other processes can call the app. The hook runs concurrently with the calls. If it
    /// fails, the app stops.
    Ready,
    /// After the last call has finished.
    Stop,
}

/// A hook found at link time.
#[derive(Debug)]
pub struct LinkedHook {
    /// The function's name.
    pub name: &'static str,
    /// The phase in which the hook runs.
    pub on: Phase,
    /// The function, with its parameters injected.
    pub call: for<'a> fn(&'a Resources) -> BoxFuture<'a, Result<()>>,
    /// Source location of the definition.
    pub location: Location,
}
micro_core::__collector!(LinkedHook, LINKED_HOOKS);

impl LinkedHook {
    fn key(&self) -> impl Ord {
        (self.location, self.name)
    }
}

type Run = Arc<dyn for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// A hook of one app, either linked or given to the builder.
#[derive(Clone)]
pub(super) struct Hook {
    pub(super) name: &'static str,
    pub(super) on: Phase,
    pub(super) run: Run,
}

impl Hook {
    pub(super) fn new<F>(name: &'static str, on: Phase, run: F) -> Self
    where
        F: for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        Self {
            name,
            on,
            run: Arc::new(run),
        }
    }

    pub(super) fn linked(record: &'static LinkedHook) -> Self {
        Self::new(record.name, record.on, record.call)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({} on {:?})", self.name, self.on)
    }
}
