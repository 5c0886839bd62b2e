//! The default backend: from process to process, found through the registry, on the port that the
//! process has anyway. Nothing to install.
//!
//! Subscribers are nodes of the registry as Go Micro's are, so its programs publish to ours and
//! hear them. Between two of ours a gRPC stream carries batches one way and acknowledgements the
//! other. A publisher keeps an event until each queue and subscriber has handled it: what a
//! process had not handled when it died goes to another member of its queue, be it one that is
//! started a little later. Subscribers are found through the registry; whether they are still
//! there, the process itself says by the stream. When publisher and subscriber die together, the
//! event is lost; what must not be belongs into a durable stream.
//!
//! A subscriber that anybody on the network may have announced (by multicast DNS without a secret)
//! is on trial until it has taken its first event of this process: it may take 2 s for it, and
//! where it takes none, but others take the event, it is passed over for 30 s. The publisher gets
//! `Ok` without it, and the log a line at level `warn` that names it. Where nobody else takes the
//! event, publishing is `Unavailable`. So a record that nobody stands behind cannot stop a topic.
//! One that takes part and then stops can: set a secret where strangers are on the network.
//!
//! Of a queue's members, the one with the greatest SipHash-2-4 (key of sixteen zero bytes) of the
//! event's key, a byte `0xFF` and the member's id gets the events of a key. All publishers have to
//! do it in this way, or the events of a key lose their order.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use micro_core::internal::spawn;
use micro_wake::Total;
use micro_wake::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::driver::http2::Timeouts;
use crate::ingress::{Ingress, WAITING_OF_ALL};
use crate::members::MemberDirectory;
use crate::node;
use crate::service;
use micro_broker::Inbox;
use micro_broker::internal::LocalMembers;
use micro_broker::internal::{Dispatcher, Members};
use micro_broker::{Backend, Capabilities, DeadLetterSink};
use micro_broker::{Event, HostInfo};
use micro_core::handler::Served;
use micro_message::error::{Error, Result};
use micro_registry::Registration;

/// How long a subscriber's registration lives after its last heartbeat.
const TTL: Duration = Duration::from_secs(15);

/// Topics from process to process; clones share them.
///
/// It needs a registry and, to subscribe, an address at which the process listens: the app sees to
/// both.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    local: Arc<LocalMembers>,
    directory: Arc<MemberDirectory>,
    dispatcher: Arc<Dispatcher>,
    keep: Arc<OnceLock<DeadLetterSink>>,
    waiting: Arc<Total>,
    /// Whether somebody holds a handle to publish with.
    wanted: AtomicBool,
    host: Mutex<Option<HostInfo>>,
    /// Follows the registry; ends with the backend.
    following: OnceLock<FollowTask>,
    /// By inbox.
    registrations: Mutex<HashMap<u64, Registration>>,
}

struct FollowTask(tokio::task::JoinHandle<()>);

impl Drop for FollowTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    /// A broker that knows nobody yet.
    pub fn new() -> Self {
        Self::with_times(Timeouts::default(), TTL)
    }

    /// A broker that misses a subscriber for so long after the last word of it, instead of 15
    /// seconds: until then a topic that has nobody else is `Unavailable`.
    pub fn remembering(memory: Duration) -> Self {
        Self::with_times(Timeouts::default(), memory)
    }

    /// `memory`: how long a member is remembered that neither the registry nor a stream tells of.
    pub(crate) fn with_times(times: Timeouts, memory: Duration) -> Self {
        // At most 28 characters with the inbox's number, of the 63 that an id has.
        let own = format!("{:016x}-", fastrand::u64(..));
        let local = Arc::new(LocalMembers::new(&own));
        let directory = MemberDirectory::new(Arc::clone(&local), &own, times, memory);
        Self(Arc::new(Inner {
            dispatcher: Dispatcher::new(Arc::clone(&directory) as Arc<dyn Members>),
            local,
            directory,
            keep: Arc::default(),
            waiting: Total::new(WAITING_OF_ALL),
            wanted: AtomicBool::default(),
            host: Mutex::default(),
            following: OnceLock::new(),
            registrations: Mutex::default(),
        }))
    }

    /// Opens what follows `http://`, which is nothing.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when something does.
    pub fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new());
        }
        Err(Error::invalid_argument(format!(
            "`http://{rest}` says too much: subscribers are found through the registry, write \
             `http://`"
        )))
    }

    /// Where the events of other processes come in.
    fn door(&self) -> Ingress {
        Ingress {
            local: Arc::clone(&self.0.local),
            keep: Arc::clone(&self.0.keep),
            waiting: Arc::clone(&self.0.waiting),
        }
    }

    /// Follows the registry from now on: programs that publish nothing need not.
    fn follow(&self, host: &HostInfo) {
        self.0.following.get_or_init(|| {
            let following = Arc::clone(&self.0.directory).follow(host.registry.clone());
            FollowTask(spawn(following))
        });
    }

    fn current(&self) -> Option<HostInfo> {
        let host = self.0.host.lock();
        host.clone()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Http {
    fn scheme(&self) -> &'static str {
        "http"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn attach(&self, host: &HostInfo) -> Result<()> {
        let mut current = self.0.host.lock();
        *current = Some(host.clone());
        drop(current);
        if self.0.wanted.load(Ordering::Relaxed) {
            self.follow(host);
        }
        Ok(())
    }

    fn services(&self) -> Vec<Served> {
        vec![service::served(&self.door())]
    }

    fn will_publish(&self) {
        self.0.wanted.store(true, Ordering::Relaxed);
    }

    fn undelivered(&self, keep: DeadLetterSink) {
        if self.0.keep.set(Arc::clone(&keep)).is_err() {
            tracing::debug!("there is a place for dead letters already");
        }
        self.0.dispatcher.set_dead_letters(keep);
    }

    async fn publish(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        let Some(host) = self.current() else {
            return Err(Error::failed_precondition(
                "it has no registry to find subscribers; run it in an app, or call `Broker::place`",
            ));
        };
        self.follow(&host);
        if timeout_at(deadline, self.0.directory.known())
            .await
            .is_err()
        {
            return Err(Error::unavailable(
                "the registry has not told yet who subscribes",
            ));
        }
        self.0.dispatcher.publish(events, deadline).await
    }

    async fn subscribe(&self, inbox: Inbox) -> Result<()> {
        let host = self.current();
        let Some((registry, address)) = host.and_then(|p| Some((p.registry, p.address?))) else {
            return Err(Error::failed_precondition(
                "events come in on this process's port, and it has none; run it in an app that \
                 listens, or use the broker `memory://`",
            ));
        };
        let id = self.0.local.add(inbox.clone());
        let node = node::of(&id, &inbox, &address);
        match registry.register(node, TTL).await {
            Ok(registration) => {
                let all = self.0.registrations.lock();
                let mut all = all;
                all.insert(inbox.id(), registration);
                Ok(())
            }
            Err(error) => {
                self.0.local.remove(&inbox);
                Err(error)
            }
        }
    }

    async fn unsubscribe(&self, inbox: &Inbox) -> Result<()> {
        // It takes events until it is closed: others may not know yet that it leaves. Those that
        // have a stream to this process are told by it: when a registry forgets a subscriber,
        // that alone does not mean that it has ended.
        if inbox.is_closed() {
            self.0.local.remove(inbox);
        } else {
            self.0.local.leave(inbox);
        }
        let registration = {
            let all = self.0.registrations.lock();
            let mut all = all;
            all.remove(&inbox.id())
        };
        match registration {
            Some(registration) => registration.deregister().await,
            None => Ok(()),
        }
    }

    async fn flush(&self, grace: Duration) -> usize {
        self.0.dispatcher.flush(grace).await
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("outbox", &self.0.dispatcher)
            .finish_non_exhaustive()
    }
}
