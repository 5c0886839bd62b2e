//! What one server shares among its connections.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::calls::{AllCalls, Cut};
use crate::config::{Config, Limits, Replies};
use crate::cors::Cors;
use crate::health::Health;
use crate::openapi::Description;
use crate::rest::Table;
use micro_core::handler::Router;

/// What one server shares among its connections.
pub(super) struct ServerState {
    pub(super) router: Router,
    /// What of the router plain HTTP reaches.
    pub(super) rest: Table,
    pub(super) cors: Cors,
    pub(super) limits: Limits,
    pub(super) compression: Replies,
    pub(super) health: Health,
    /// What is served, described for people; none when the server does not describe itself.
    pub(super) description: Option<Description>,
    /// Cancelled once, when draining begins.
    pub(super) draining: CancellationToken,
    /// Cancelled once, when draining has taken too long: calls still running end now.
    pub(super) cut: CancellationToken,
    /// Set once, before `cut` is cancelled. Each call looks at it: the token would take a lock.
    is_cut: AtomicBool,
    pub(super) calls: Arc<AllCalls>,
}

impl ServerState {
    pub(super) fn new(
        config: Config,
        router: Router,
        rest: Table,
        health: Health,
        draining: CancellationToken,
    ) -> Self {
        Self {
            router,
            rest,
            cors: config.cors,
            limits: config.limits,
            compression: config.compression,
            health,
            description: Description::offered(config.reflection),
            draining,
            cut: CancellationToken::new(),
            is_cut: AtomicBool::new(false),
            calls: Arc::default(),
        }
    }

    /// The calls that run now.
    pub(super) fn running_calls(&self) -> Vec<Cut> {
        self.calls.running()
    }

    /// Ends the calls that run. Handlers of further calls are not run.
    pub(super) fn cut_calls(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.cut.cancel();
    }

    /// Whether handlers of further calls are not to be run.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState").finish_non_exhaustive()
    }
}
