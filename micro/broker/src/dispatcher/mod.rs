//! [`Dispatcher`]: delivers an event to all of its targets, and redelivers it if a member ends.
//!
//! It is shared by all backends that know every member of every queue. The dispatcher keeps an
//! event until each queue and subscriber has handled it. An event that a member returns is
//! delivered to another member.

mod join_all;
mod pending_delivery;
mod redelivery_queue;
mod rendezvous;
mod route;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use micro_core::internal::spawn_in;
use micro_wake::sync::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::join_all::join_all;
use self::pending_delivery::PendingDelivery;
use self::redelivery_queue::RedeliveryQueue;
use crate::ack_handle::AckHandle;
use crate::backend::{BoxFuture, DeadLetterSink};
use crate::record::Event;
use micro_message::error::{Error, Result};

/// Maximum time that a returned event waits for another member of its queue.
const REDELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// A local or remote subscriber, from the publisher's point of view.
pub trait Member: Send + Sync {
    /// Returns the unique id of the member.
    fn id(&self) -> &str;

    /// Returns the queue of the member, or the member itself if it has no queue.
    fn target(&self) -> &Target;

    /// Delivers an event if that is possible without waiting; otherwise returns `settle`. Events
    /// whose offer is still in progress are delivered first.
    fn offer_now(&self, _event: &Arc<Event>, settle: AckHandle) -> Result<(), AckHandle> {
        Err(settle)
    }

    /// Delivers an event. The future completes when the member has accepted it. Events arrive in
    /// the order in which they are offered.
    fn offer(
        &self,
        event: Arc<Event>,
        settle: AckHandle,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// Why a member did not accept an event.
#[derive(Debug)]
pub enum Refusal {
    /// The member has no room.
    Full(Error),
    /// The member has ended or cannot be reached. Another member may accept the event.
    Gone(Error),
    /// The member had ended gracefully before the event was offered, and the publisher did not know
    /// it yet.
    Ended(Error),
    /// No member will accept the event.
    Never(Error),
}

/// The set of known members.
pub trait Members: Send + Sync + 'static {
    /// Returns the members for a topic, ordered by id.
    fn of(&self, topic: &str) -> Vec<Arc<dyn Member>>;

    /// Returns the [`Notify`] that is notified when the set changes.
    fn changed(&self) -> &Notify;
}

/// The members for a topic at some point in time.
type Known = Arc<[Arc<dyn Member>]>;

/// Target of a delivery: one member of a queue, or one subscriber.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A queue. One of its members receives the event.
    Queue(Arc<str>),
    /// A subscriber without a queue, identified by its id.
    Plain(Arc<str>),
}

impl Target {
    /// Creates the target for a member of `queue`, or for the subscriber `id` without a queue.
    pub fn of(queue: Option<&str>, id: &str) -> Self {
        match queue {
            Some(queue) => Self::Queue(queue.into()),
            None => Self::Plain(id.into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(queue) => write!(f, "queue `{queue}`"),
            Self::Plain(id) => write!(f, "subscriber `{id}`"),
        }
    }
}

/// Delivers events to all of their targets.
pub struct Dispatcher {
    members: Arc<dyn Members>,
    /// Sink for dead letters, set by the broker that owns the backend.
    dead: OnceLock<DeadLetterSink>,
    /// Number of deliveries without an outcome.
    pending: AtomicUsize,
    /// Notified when `pending` reaches zero.
    settled: Notify,
    again: Mutex<RedeliveryQueue>,
    /// Running redelivery tasks. They are aborted when the dispatcher is dropped.
    running: Mutex<JoinSet<()>>,
    own: Weak<Self>,
}

impl Dispatcher {
    /// Creates a dispatcher for the given members.
    pub fn new(members: Arc<dyn Members>) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            members,
            dead: OnceLock::new(),
            pending: AtomicUsize::new(0),
            settled: Notify::new(),
            again: Mutex::default(),
            running: Mutex::default(),
            own: own.clone(),
        })
    }

    /// Sets the sink for events that no member is left for. Only the first call has an effect.
    pub fn set_dead_letters(&self, keep: DeadLetterSink) {
        if self.dead.set(keep).is_err() {
            tracing::debug!("the outbox has a place for dead letters already");
        }
    }

    /// Delivers the events to all of their targets. Returns the number of targets that accepted
    /// each.
    pub async fn publish(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        let mut counts = Vec::with_capacity(events.len());
        // Index of the event of each task. The event's count is decremented if the target turns out
        // to have ended.
        let mut of = Vec::new();
        let mut tasks: Vec<BoxFuture<'_, Result<bool>>> = Vec::new();
        for event in events {
            let event = Arc::new(event);
            let members: Known = self.members.of(&event.topic).into();
            let mut targets: Vec<&Target> = members.iter().map(|member| member.target()).collect();
            targets.sort_unstable();
            targets.dedup();
            counts.push(targets.len());
            for target in targets {
                // An immediate delivery must not overtake deliveries that are still in progress.
                if tasks.is_empty() && self.deliver_now(target, &event, &members) {
                    continue;
                }
                let (target, event) = (target.clone(), Arc::clone(&event));
                let known = Some(Arc::clone(&members));
                of.push(counts.len() - 1);
                tasks.push(Box::pin(self.deliver((target, known), event, deadline)));
            }
        }
        let mut failed: Vec<Error> = Vec::new();
        for (event, outcome) in of.into_iter().zip(join_all(tasks).await) {
            match outcome {
                Ok(taken) => counts[event] -= usize::from(!taken),
                Err(error) => failed.push(error),
            }
        }
        match failed.len() {
            0 => Ok(counts),
            1 => Err(failed.remove(0)),
            count => {
                let kind = failed[0].kind();
                let texts: Vec<_> = failed.iter().take(8).map(Error::message).collect();
                let text = format!("{count} deliveries failed: {}", texts.join("; "));
                Err(Error::new(kind, text))
            }
        }
    }

    /// Waits up to `grace` until every delivery has an outcome. Returns the number of those that
    /// have none.
    pub async fn flush(&self, grace: Duration) -> usize {
        let settled = async {
            loop {
                let told = self.settled.notified();
                tokio::pin!(told);
                told.as_mut().enable();
                if self.pending.load(Ordering::SeqCst) == 0 {
                    return;
                }
                told.await;
            }
        };
        if timeout(grace, settled).await.is_ok() {
            return 0;
        }
        self.pending.load(Ordering::SeqCst)
    }

    fn done(&self) {
        if self.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.settled.notify_waiters();
        }
    }

    /// Queues an event for redelivery, after the member that had accepted it returned it.
    fn give_back(&self, target: Target, event: &Event) {
        let mut event = event.clone();
        event.redelivered = event.redelivered.saturating_add(1);
        let first = self.again.lock().add(&target, event);
        let Some(own) = self.own.upgrade().filter(|_| first) else {
            return;
        };
        let weak = Arc::downgrade(&own);
        drop(own);
        // Without a runtime the process is ending. `flush` still counts the queued events.
        if tokio::runtime::Handle::try_current().is_ok() {
            let mut running = self.running.lock();
            while running.try_join_next().is_some() {}
            spawn_in(&mut running, redelivery_queue::run(weak, target));
        }
    }

    fn ticket(&self, target: &Target, event: &Arc<Event>) -> Arc<PendingDelivery> {
        self.pending.fetch_add(1, Ordering::SeqCst);
        Arc::new(PendingDelivery::new(
            self.own.clone(),
            target.clone(),
            Arc::clone(event),
        ))
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
