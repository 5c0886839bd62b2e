//! What one server shares among its connections, and what one connection shares among its calls.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use crate::calls::Calls;
use crate::config::{Config, Limits, Replies};
use crate::cors::Cors;
use crate::drain::Cut;
use crate::health::Health;
use crate::openapi::Description;
use crate::rest::Table;
use micro_core::handler::Router;

/// What one server shares among its connections.
pub(super) struct Shared {
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
    cut: CancellationToken,
    /// Set once, before `cut` is cancelled: looked at by each call, it is no lock.
    is_cut: AtomicBool,
    next: AtomicU64,
    /// Every open connection; each removes itself when dropped.
    peers: Mutex<HashMap<u64, Weak<Peer>>>,
}

impl Shared {
    pub(super) fn new(
        (router, rest): (Router, Table),
        config: Config,
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
            description: config.reflection.then(Description::default),
            draining,
            cut: CancellationToken::new(),
            is_cut: AtomicBool::new(false),
            next: AtomicU64::new(0),
            peers: Mutex::default(),
        }
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

    /// The calls that run now.
    pub(super) fn running(&self) -> Vec<Cut> {
        let peers: Vec<_> = self
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let running = peers.iter().flat_map(|peer| peer.calls.running(peer));
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|call| std::cmp::Reverse(call.age));
        running
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// One connection, as its calls see it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) shared: Arc<Shared>,
    pub(super) address: SocketAddr,
    pub(super) calls: Calls,
    /// The server's `cut`, for this connection alone: its calls do not queue at the server's lock.
    pub(super) cut: CancellationToken,
    id: u64,
}

impl Peer {
    /// A connection that has been accepted.
    pub(super) fn new(shared: &Arc<Shared>, address: SocketAddr) -> Arc<Self> {
        let id = shared.next.fetch_add(1, Ordering::Relaxed);
        let peer = Arc::new(Self {
            shared: Arc::clone(shared),
            address,
            calls: Calls::default(),
            cut: shared.cut.child_token(),
            id,
        });
        shared
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::downgrade(&peer));
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
