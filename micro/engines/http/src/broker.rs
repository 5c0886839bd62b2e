//! The default broker: processes send events directly to each other over HTTP.
//!
//! A process receives events on the port that its app listens on, and publishers find it through
//! the registry. Subscribers are registry nodes in Go Micro's format, so Go Micro programs can
//! publish to micro programs and receive events from them. Between two micro programs, a gRPC
//! stream carries batches of events in one direction and acknowledgements in the other.
//!
//! A publisher keeps an event until each queue and subscriber has handled it. Events that a process
//! had not handled when it died are delivered to another member of the queue, including a member
//! that starts shortly afterwards. The registry lists subscribers; the process itself reports over
//! the stream whether they still exist. If publisher and subscriber die together, the event is
//! lost. Publish events that must not be lost to a durable stream.
//!
//! With multicast DNS without a secret, anyone on the network can announce a subscriber. Such a
//! subscriber is on trial until it has accepted its first event from this process. It has 2 s to
//! accept an event. If it does not, but other subscribers do, it is skipped for 30 s: publishing
//! returns `Ok` without it, and a log line at level `warn` names it. If no other subscriber accepts
//! the event, publishing fails with `Unavailable`. A forged record therefore cannot block a topic.
//! A malicious subscriber that accepts an event and then stops can block it: set a secret on
//! untrusted networks.
//!
//! The events of a key go to one member of a queue: the member with the greatest SipHash-2-4 (with
//! a key of sixteen zero bytes) of the event's key, a byte `0xFF` and the member's id. All
//! publishers must use this rule, otherwise the events of a key lose their order.

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

/// Time after its last heartbeat at which a subscriber's registration expires.
const TTL: Duration = Duration::from_secs(15);

/// Broker between processes, without a separate server. Clones share the subscribers.
///
/// The broker needs a registry and, for subscribing, an address at which the process listens. The
/// app provides both.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    local: Arc<LocalMembers>,
    directory: Arc<MemberDirectory>,
    dispatcher: Arc<Dispatcher>,
    keep: Arc<OnceLock<DeadLetterSink>>,
    waiting: Arc<Total>,
    /// Whether a handle for publishing was requested.
    wanted: AtomicBool,
    host: Mutex<Option<HostInfo>>,
    /// Task that watches the registry. It is aborted when the backend is dropped.
    following: OnceLock<FollowTask>,
    /// Registrations of the subscribers of this process, by inbox id.
    registrations: Mutex<HashMap<u64, Registration>>,
}

struct FollowTask(tokio::task::JoinHandle<()>);

impl Drop for FollowTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    /// Creates a broker without known subscribers.
    pub fn new() -> Self {
        Self::with_times(Timeouts::default(), TTL)
    }

    /// Creates a broker that remembers a lost subscriber for `memory`. Default: 15 s.
    ///
    /// A subscriber is lost if neither the registry nor its process reports it any more. While it
    /// is remembered, publishing to a topic without other subscribers fails with `Unavailable`.
    pub fn remembering(memory: Duration) -> Self {
        Self::with_times(Timeouts::default(), memory)
    }

    /// `memory` is the time for which a member is remembered that neither the registry nor a stream
    /// reports.
    pub(crate) fn with_times(times: Timeouts, memory: Duration) -> Self {
        // Together with the inbox's number, at most 28 of the 63 characters permitted in an id.
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

    /// Opens an `http://` URL. `rest` is the part after `http://` and must be empty.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if `rest` is not empty.
    pub fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new());
        }
        Err(Error::invalid_argument(format!(
            "`http://{rest}` is invalid: subscribers are found through the registry, write \
             `http://`"
        )))
    }

    /// Returns the ingress for events from other processes.
    fn door(&self) -> Ingress {
        Ingress {
            local: Arc::clone(&self.0.local),
            keep: Arc::clone(&self.0.keep),
            waiting: Arc::clone(&self.0.waiting),
        }
    }

    /// Starts to watch the registry. Only publishing requires it.
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
                "it has no registry to find subscribers; run it in an app, or call `Broker::attach`",
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
        // The subscriber accepts events until it is closed, because publishers may not know yet
        // that it leaves. The stream notifies the publishers that are connected to this process:
        // the removal from a registry alone does not mean that a subscriber has ended.
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
            .field("dispatcher", &self.0.dispatcher)
            .finish_non_exhaustive()
    }
}
