//! State that the connections of a server share, and state that the calls of a connection share:
//! settings, tables, the drain's signals, and the running calls, so that a drain can report the
//! calls that it aborts.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use micro_message::internal::sort_by_key;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::activity::Activity;
use crate::buffers::{Buffers, Totals};
use crate::call_context::HeaderCache;
use crate::config::{Config, Limits, ResponseCompression};
use crate::cors::Cors;
use crate::failure::Failure;
use crate::health::Health;
use crate::mounts::Mounts;
use crate::openapi::Description;
use crate::rest::table::Table;
use crate::slow_methods::{InlineCall, SlowMethods};
use micro_core::context::Caller;
use micro_core::handler::{AccessLog, MethodInfo, Router};
use micro_core::internal::{CallLog, CallRecord};

/// State shared by all connections of a server.
pub(super) struct ServerState {
    pub(super) router: Router,
    /// The REST paths of the router's methods.
    pub(super) rest: Table,
    pub(super) mounts: Mounts,
    pub(super) cors: Cors,
    /// Host names of this server, for [`Cors::check_host`].
    pub(super) names: Vec<String>,
    pub(super) limits: Limits,
    pub(super) totals: Totals,
    pub(super) compression: ResponseCompression,
    pub(super) health: Health,
    /// OpenAPI description of the services; `None` when reflection is off.
    pub(super) description: Option<Description>,
    /// Set once, when the server is about to stop.
    is_stopping: AtomicBool,
    /// Cancelled once, when the drain begins.
    pub(super) draining: CancellationToken,
    /// Cancelled once, at the end of the drain's grace period: calls that still run end now.
    pub(super) cut: CancellationToken,
    /// Set once, before `cut` is cancelled. Each call reads it; the token would take a lock.
    is_aborted: AtomicBool,
    pub(super) calls: Arc<AllCalls>,
    slow_methods: Arc<SlowMethods>,
}

impl ServerState {
    pub(super) fn new(
        config: Config,
        router: Router,
        rest: Table,
        mounts: Mounts,
        health: Health,
        draining: CancellationToken,
    ) -> Self {
        Self {
            slow_methods: SlowMethods::new(router.routes().len()),
            router,
            rest,
            mounts,
            cors: config.cors,
            names: config.names,
            totals: Totals::new(&config.limits),
            limits: config.limits,
            compression: config.compression,
            health,
            description: Description::offered(config.reflection),
            is_stopping: AtomicBool::new(false),
            draining,
            cut: CancellationToken::new(),
            is_aborted: AtomicBool::new(false),
            calls: Arc::default(),
        }
    }

    /// Records that the server is about to stop: it is not ready any more, and HTTP/1 responses
    /// close their connections.
    pub(super) fn announce_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.health.drain();
    }

    /// Whether the server is about to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Returns the running calls.
    pub(super) fn running_calls(&self) -> Vec<AbortedCall> {
        self.calls.running()
    }

    /// Aborts the running calls and prevents the handlers of further calls from running.
    pub(super) fn abort_calls(&self) {
        self.is_aborted.store(true, Ordering::Release);
        self.cut.cancel();
    }

    /// Whether the server has aborted its calls, so that no further handler may run.
    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState").finish_non_exhaustive()
    }
}

/// State shared by the calls of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) server: Arc<ServerState>,
    /// Address of the peer.
    pub(super) address: SocketAddr,
    pub(super) calls: Arc<ConnectionCalls>,
    pub(super) buffers: Buffers,
    /// Only HTTP/1 reports to it.
    pub(super) activity: Arc<Activity>,
    pub(super) headers: HeaderCache,
    pub(super) inline: Arc<InlineCall>,
    /// Child of the server's `cut` token, so that calls do not contend for the lock of the server's
    /// token.
    pub(super) cut: CancellationToken,
}

impl ConnectionState {
    /// Creates the state of an accepted connection.
    pub(super) fn new(server: &Arc<ServerState>, address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            server: Arc::clone(server),
            address,
            calls: server.calls.connection(address),
            buffers: Buffers::new(&server.limits, &server.totals),
            activity: Arc::default(),
            headers: HeaderCache::default(),
            inline: Arc::new(InlineCall::new(&server.slow_methods)),
            cut: server.cut.child_token(),
        })
    }

    /// Whether no call runs and no response waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.buffers.send.held() == 0
    }

    /// Registers a running call until the returned guard is dropped. If every call is logged, the
    /// guard also logs it then.
    pub(super) fn begin(&self, method: &Arc<MethodInfo>, protocol: &'static str) -> CallGuard {
        self.begin_as(method, protocol, || Arc::clone(method))
    }

    /// Like [`begin`](Self::begin), with the method that the access log names.
    pub(super) fn begin_as(
        &self,
        method: &Arc<MethodInfo>,
        protocol: &'static str,
        logged: impl FnOnce() -> Arc<MethodInfo>,
    ) -> CallGuard {
        let mut guard = self.calls.begin(method);
        if self.server.router.access_log() == AccessLog::All {
            let caller = Caller::new(Some(self.address), protocol);
            guard.log = Some(CallLog::new(&logged(), caller, guard.started));
        }
        guard
    }
}

/// A call that the server aborted at the end of a drain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbortedCall {
    /// Path of the method, for example `/greeter.Greeter/Hello`.
    pub path: String,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Time since the call began.
    pub age: Duration,
}

impl fmt::Display for AbortedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` from {} after {:.1?}",
            self.path, self.peer, self.age
        )
    }
}

/// The running calls of all connections of a server.
#[derive(Debug, Default)]
pub(super) struct AllCalls(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    /// The open connections by id. Each removes its entry when it is dropped.
    open: HashMap<u64, Weak<ConnectionCalls>>,
    next: u64,
}

impl AllCalls {
    /// Registers a new connection.
    pub(super) fn connection(self: &Arc<Self>, address: SocketAddr) -> Arc<ConnectionCalls> {
        let mut connections = self.lock();
        let id = connections.next;
        connections.next += 1;
        let calls = Arc::new(ConnectionCalls {
            all: Arc::clone(self),
            id,
            address,
            slots: Mutex::default(),
        });
        connections.open.insert(id, Arc::downgrade(&calls));
        calls
    }

    /// Returns the running calls, oldest first.
    pub(super) fn running(&self) -> Vec<AbortedCall> {
        let open: Vec<_> = self
            .lock()
            .open
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let mut running: Vec<_> = open.iter().flat_map(|calls| calls.running()).collect();
        sort_by_key(&mut running, |call| std::cmp::Reverse(call.age));
        running
    }

    /// Returns the number of open connections.
    pub(super) fn connections(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock()
    }
}

/// The running calls of one connection.
#[derive(Debug)]
pub(super) struct ConnectionCalls {
    all: Arc<AllCalls>,
    id: u64,
    address: SocketAddr,
    slots: Mutex<CallTable>,
}

#[derive(Debug, Default)]
struct CallTable {
    slots: Vec<Option<RunningCall>>,
    /// Indices of empty slots.
    free: Vec<usize>,
}

#[derive(Debug)]
struct RunningCall {
    method: Arc<MethodInfo>,
    at: Instant,
}

impl ConnectionCalls {
    /// Registers a running call until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, method: &Arc<MethodInfo>) -> CallGuard {
        let at = Instant::now();
        let started = Some(RunningCall {
            method: Arc::clone(method),
            at,
        });
        let mut slots = self.lock();
        let slot = if let Some(slot) = slots.free.pop() {
            slots.slots[slot] = started;
            slot
        } else {
            slots.slots.push(started);
            slots.slots.len() - 1
        };
        drop(slots);
        CallGuard {
            calls: Arc::clone(self),
            slot,
            started: at,
            log: None,
        }
    }

    /// Whether no call runs.
    fn is_empty(&self) -> bool {
        let slots = self.lock();
        slots.free.len() == slots.slots.len()
    }

    fn running(&self) -> Vec<AbortedCall> {
        let slots = self.lock();
        let running = slots.slots.iter().flatten();
        running
            .map(|call| AbortedCall {
                path: call.method.path.clone().into_owned(),
                peer: self.address,
                age: call.at.elapsed(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, CallTable> {
        self.slots.lock()
    }
}

impl Drop for ConnectionCalls {
    fn drop(&mut self) {
        self.all.lock().open.remove(&self.id);
    }
}

/// A registered call. Dropped when its response has been sent or the call is given up.
#[derive(Debug)]
pub(super) struct CallGuard {
    calls: Arc<ConnectionCalls>,
    slot: usize,
    started: Instant,
    /// Set if every call is logged. Writes its line when it is dropped.
    log: Option<CallLog>,
}

impl CallGuard {
    /// Returns when the call began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Returns the record of the call, if every call is logged.
    pub(super) fn record(&self) -> Option<&Arc<CallRecord>> {
        self.log.as_ref().map(CallLog::record)
    }

    /// Records that the call failed before its response began, if every call is logged. Returns the
    /// failure.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        if let Some(record) = self.record() {
            record.fail(&failure.error, false);
        }
        failure
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut slots = self.calls.lock();
        slots.slots[self.slot] = None;
        slots.free.push(self.slot);
    }
}
