//! `NodeConnection`: the connections to one node. All callers share one connection, which is opened
//! once. More are opened only while long-lived streams occupy it.
//!
//! A node that cannot be reached is ejected, and probed until it can be reached or is removed.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::jittered;
use crate::config::Config;
use crate::connection::{Connection, Driver, End, connect};
use crate::failure::Failure;
use crate::overflow_pool::OverflowPool;
use crate::selector::Health;
use crate::tasks::Tasks;
use micro_registry::Node;

/// The connections to one node.
pub(super) struct NodeConnection {
    address: String,
    /// Further addresses, tried if the one before cannot be reached soon.
    others: Vec<String>,
    /// Index of the address that was reached last: 0 is `address`. The next attempt begins with it.
    reached: AtomicUsize,
    config: Arc<Config>,
    tasks: Arc<Tasks>,
    health: Arc<Health>,
    /// Written by the tasks and methods below; read by every call.
    state: watch::Sender<State>,
    /// Further connections beside the one in `state`, while streams need them.
    wide: OverflowPool,
    /// Ends the backoff before the next probe.
    hurry: Notify,
    /// Number of times the keep-alive interval was doubled because the peer closed a connection
    /// with `ENHANCE_YOUR_CALM`.
    doubled: AtomicU32,
}

/// Time that an attempt to connect has before the node's next address is tried as well. It is the
/// delay that RFC 8305 recommends.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Maximum number of doublings: the interval grows to at most 1,024 times the configured one.
const MAX_DOUBLINGS: u32 = 10;

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Total number of failed attempts to connect.
    failures: u64,
    /// Why the last attempt failed.
    reason: Arc<str>,
}

#[derive(Debug)]
enum Phase {
    /// Not connected: no call needed a connection yet, or the last one has ended.
    Idle,
    /// A task is connecting, or waits to try again.
    Connecting,
    Open(Arc<Connection>),
    /// The node was removed: no more calls.
    Retired,
}

impl NodeConnection {
    pub(super) fn new(
        node: &Node,
        config: Arc<Config>,
        tasks: Arc<Tasks>,
        health: Arc<Health>,
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Idle,
            failures: 0,
            reason: Arc::from(""),
        };
        Arc::new(Self {
            address: node.address.clone(),
            others: node.other_addresses.clone(),
            reached: AtomicUsize::new(0),
            config,
            tasks,
            health,
            state: watch::Sender::new(state),
            wide: OverflowPool::default(),
            hurry: Notify::new(),
            doubled: AtomicU32::new(0),
        })
    }

    /// Returns the open connection, if there is one.
    pub(super) fn open(&self) -> Option<Arc<Connection>> {
        match &self.state.borrow().phase {
            Phase::Open(connection) if !connection.is_over() => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// Returns the open connection. Opens one, or waits for the one that is being opened.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, connecting continues for other callers.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, Failure> {
        let mut state = self.state.subscribe();
        let failures = state.borrow().failures;
        self.start();
        loop {
            {
                let now = state.borrow_and_update();
                match &now.phase {
                    Phase::Open(connection) => return Ok(Arc::clone(connection)),
                    Phase::Retired => return Err(Failure::unsent("the node has left")),
                    _ if now.failures > failures => {
                        return Err(Failure::unsent(format!("cannot connect: {}", now.reason)));
                    }
                    Phase::Idle => return Err(Failure::unsent("the connection was closed")),
                    Phase::Connecting => {}
                }
            }
            if state.changed().await.is_err() {
                return Err(Failure::unsent("the client is closed"));
            }
        }
    }

    /// Returns another connection if streams have saturated this one. Returns this one if no other
    /// can be opened.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connection that is being opened is dropped as well. The next
    /// waiting caller opens one.
    pub(super) async fn wider(&self, first: Arc<Connection>) -> Arc<Connection> {
        if !first.is_saturated() {
            return first;
        }
        if let Some(free) = self.wide.free() {
            return free;
        }
        let _turn = self.wide.turn().await;
        if !first.is_saturated() {
            return first;
        }
        if let Some(free) = self.wide.free() {
            return free;
        }
        if self.wide.len() + 1 >= self.config.max_connections {
            return first;
        }
        let address = self.address_at(self.reached.load(Ordering::Relaxed));
        let connecting = connect(address, &self.config, self.keep_alive());
        let reason = match timeout(self.config.connect_timeout, connecting).await {
            Ok(Ok((connection, driver))) => {
                let connection = Arc::new(connection);
                self.wide.add(&connection);
                tracing::debug!(address = self.address, "connected once more");
                self.tasks.spawn(async move {
                    let end = driver.run().await;
                    tracing::debug!(reason = end.text, "disconnected");
                });
                return connection;
            }
            Ok(Err(reason)) => reason,
            Err(_) => "it took too long".to_owned(),
        };
        tracing::debug!(address = self.address, reason, "cannot connect once more");
        first
    }

    /// Connects now: starts the task that connects, or ends its backoff.
    pub(super) fn start(self: &Arc<Self>) {
        self.start_after(Duration::ZERO);
    }

    fn start_after(self: &Arc<Self>, pause: Duration) {
        let started = self.state.send_if_modified(|state| {
            let start = match &state.phase {
                Phase::Idle => true,
                Phase::Open(connection) => connection.is_over(),
                Phase::Connecting | Phase::Retired => false,
            };
            if start {
                state.phase = Phase::Connecting;
            }
            start
        });
        if started {
            self.tasks.spawn(Arc::clone(self).reach(pause));
        } else {
            self.hurry.notify_one();
        }
    }

    /// Sends no new calls on this connection, because its peer accepts no more.
    pub(super) fn forget(&self, connection: &Arc<Connection>) {
        self.wide.forget(connection);
        self.state.send_if_modified(|state| {
            let same = matches!(&state.phase, Phase::Open(open) if Arc::ptr_eq(open, connection));
            if same {
                state.phase = Phase::Idle;
            }
            same
        });
    }

    /// Marks the node as removed: running calls finish, and new calls fail.
    pub(super) fn retire(&self) {
        self.wide.forget_all();
        self.state.send_modify(|state| state.phase = Phase::Retired);
    }

    /// Tries to connect until it succeeds or the node is removed.
    async fn reach(self: Arc<Self>, pause: Duration) {
        let mut state = self.state.subscribe();
        let gone = state.wait_for(|state| matches!(state.phase, Phase::Retired));
        tokio::select! {
            // `self` holds the sender, so this wait ends only when the node is removed.
            _ = gone => {}
            () = self.reach_on(pause) => {}
        }
    }

    async fn reach_on(self: &Arc<Self>, mut pause: Duration) {
        loop {
            if !pause.is_zero() {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.hurry.notified() => {}
                }
            }
            let reason = match self.connect_any().await {
                Ok((connection, driver)) => return self.opened(connection, driver),
                Err(reason) => reason,
            };
            pause = self.failed(&reason);
        }
    }

    fn address_at(&self, at: usize) -> &str {
        at.checked_sub(1)
            .and_then(|at| self.others.get(at))
            .unwrap_or(&self.address)
    }

    /// Connects to the first address that can be reached. Each further address is tried as soon as
    /// the one before has failed, or has not answered for a while. The first success wins.
    async fn connect_any(&self) -> Result<(Connection, Driver), String> {
        let (count, first) = (1 + self.others.len(), self.reached.load(Ordering::Relaxed));
        let limit = self.config.connect_timeout;
        let connect = async |at: usize| {
            let connecting = connect(self.address_at(at), &self.config, self.keep_alive());
            let connected = timeout(limit, connecting).await;
            let late = |_| Err(format!("no answer within {limit:?} (`connect_timeout`)"));
            connected.unwrap_or_else(late)
        };
        if count == 1 {
            return connect(0).await;
        }
        let mut running: Vec<(usize, Pin<Box<_>>)> = Vec::new();
        let mut waiting = (0..count).map(|n| (first + n) % count);
        let mut reasons = Vec::new();
        loop {
            let next = waiting.next();
            if let Some(at) = next {
                running.push((at, Box::pin(connect(at))));
            }
            // Resolves to `None` if another address is to be tried beside the running attempts.
            let step = poll_fn(|cx| {
                for place in 0..running.len() {
                    if let Poll::Ready(done) = running[place].1.as_mut().poll(cx) {
                        return Poll::Ready((running.swap_remove(place).0, done));
                    }
                }
                Poll::Pending
            });
            let more = waiting.len() > 0;
            let step = if more {
                timeout(NEXT_ADDRESS_AFTER, step).await.ok()
            } else {
                Some(step.await)
            };
            match step {
                Some((at, Ok(connected))) => {
                    self.reached.store(at, Ordering::Relaxed);
                    return Ok(connected);
                }
                Some((at, Err(reason))) => {
                    reasons.push(format!("{}: {reason}", self.address_at(at)));
                    if running.is_empty() && !more {
                        return Err(reasons.join("; "));
                    }
                }
                None => {}
            }
        }
    }

    fn opened(self: &Arc<Self>, connection: Connection, driver: Driver) {
        let connection = Arc::new(connection);
        self.health.admit();
        let kept = self.state.send_if_modified(|state| {
            let wanted = matches!(state.phase, Phase::Connecting);
            if wanted {
                state.phase = Phase::Open(Arc::clone(&connection));
            }
            wanted
        });
        if kept {
            tracing::debug!(address = self.address, "connected");
            let link = Arc::clone(self);
            let weak = Arc::downgrade(&connection);
            self.tasks.spawn(async move {
                let opened = Instant::now();
                let end = driver.run().await;
                if opened.elapsed() >= link.config.probing.longest {
                    link.health.readmit();
                }
                link.ended(weak.upgrade(), &end);
            });
        }
    }

    /// Returns the time without received data after which a ping is sent.
    fn keep_alive(&self) -> Duration {
        let doubled = self.doubled.load(Ordering::Relaxed);
        self.config.keep_alive_interval.saturating_mul(1 << doubled)
    }

    fn failed(&self, reason: &str) -> Duration {
        let failures = self.health.eject();
        let pause = jittered(self.config.probing.pause(failures));
        tracing::debug!(address = self.address, reason, ?pause, "cannot connect");
        self.state.send_modify(|state| {
            state.failures += 1;
            state.reason = Arc::from(reason);
        });
        pause
    }

    /// Handles the end of a connection; `None` if its last user has already dropped it.
    fn ended(self: &Arc<Self>, connection: Option<Arc<Connection>>, end: &End) {
        tracing::debug!(address = self.address, reason = end.text, "disconnected");
        let doubled = self.doubled.load(Ordering::Relaxed);
        if end.pestered && doubled < MAX_DOUBLINGS {
            self.doubled.store(doubled + 1, Ordering::Relaxed);
        }
        let Some(connection) = connection else {
            return;
        };
        let current = self.state.send_if_modified(|state| {
            let same = matches!(&state.phase, Phase::Open(open) if Arc::ptr_eq(open, &connection));
            if same {
                state.phase = Phase::Idle;
            }
            same
        });
        if current && !end.clean {
            // Probe the node in the background, so that calls do not each have to find out whether
            // it is still alive: at once the first time, and after a backoff if the node accepts
            // connections only to close them.
            let failures = self.health.eject();
            let pause = match failures {
                1 => Duration::ZERO,
                more => jittered(self.config.probing.pause(more - 1)),
            };
            self.start_after(pause);
        }
    }
}

impl fmt::Debug for NodeConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeConnection")
            .field("address", &self.address)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl NodeConnection {
        /// Number of times the keep-alive interval was doubled.
        pub(crate) fn doubled(&self) -> u32 {
            self.doubled.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn interval_of_keep_alive_doubles() {
        let (config, tasks) = (Arc::default(), Arc::new(Tasks::new()));
        let link = NodeConnection::new(
            &Node::new("greeter", "a", "127.0.0.1:1"),
            config,
            tasks,
            Arc::default(),
        );
        assert_eq!(link.keep_alive(), Duration::from_secs(10));
        let end = End {
            clean: false,
            pestered: true,
            text: String::new(),
        };
        for _ in 0..99 {
            link.ended(None, &end);
        }
        assert_eq!(link.keep_alive(), Duration::from_secs(10_240));
    }
}
