//! `Dispatcher`: from one event to all who are to have it, and what to do when one of them ends.
//!
//! What backends have in common that know every member of every queue. An event is kept here
//! until each queue and subscriber has handled it; what a member gives back goes to another one.

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

/// How long an event that was given back waits for another member of its queue.
const REDELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// A subscriber, here or elsewhere, as publishers see it.
pub trait Member: Send + Sync {
    /// What tells it from every other one.
    fn id(&self) -> &str;

    /// The queue that it is a member of, or itself.
    fn target(&self) -> &Target;

    /// Hands an event over if that takes no time; else gives its settlement back. Events that are
    /// being offered come first.
    fn offer_now(&self, _event: &Arc<Event>, settle: AckHandle) -> Result<(), AckHandle> {
        Err(settle)
    }

    /// Hands an event over; the future is done when it was taken. Events that are offered one
    /// after the other arrive in that order.
    fn offer(
        &self,
        event: Arc<Event>,
        settle: AckHandle,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// Why a member did not take an event.
#[derive(Debug)]
pub enum Refusal {
    /// It has no room.
    Full(Error),
    /// It has ended or cannot be reached: another one may.
    Gone(Error),
    /// It had ended in order when the event was offered, which nobody knew yet.
    Ended(Error),
    /// No member will take it.
    Never(Error),
}

/// Who there is.
pub trait Members: Send + Sync + 'static {
    /// The members for a topic, in the order of their ids.
    fn of(&self, topic: &str) -> Vec<Arc<dyn Member>>;

    /// Told when there are others.
    fn changed(&self) -> &Notify;
}

/// Members for a topic at some moment.
type Known = Arc<[Arc<dyn Member>]>;

/// Who is to have an event: the members of a queue together, or one subscriber.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The members of a queue.
    Queue(Arc<str>),
    /// A subscriber without a queue, by its id.
    Plain(Arc<str>),
}

impl Target {
    /// A member of a queue, or the subscriber of an id.
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

/// From one event to all who are to have it.
pub struct Dispatcher {
    members: Arc<dyn Members>,
    /// Set by the broker that the backend is opened for.
    dead: OnceLock<DeadLetterSink>,
    /// Events that a member took and has not handled.
    pending: AtomicUsize,
    /// Told when there are none.
    settled: Notify,
    again: Mutex<RedeliveryQueue>,
    /// Redeliveries under way; they end with the outbox.
    running: Mutex<JoinSet<()>>,
    own: Weak<Self>,
}

impl Dispatcher {
    /// From here to these members.
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

    /// Where events go that nobody is left for.
    pub fn set_dead_letters(&self, keep: DeadLetterSink) {
        if self.dead.set(keep).is_err() {
            tracing::debug!("the outbox has a place for dead letters already");
        }
    }

    /// Hands events to all who are to have them.
    pub async fn publish(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        let mut counts = Vec::with_capacity(events.len());
        // Of which event, to be counted down where its target turns out to have ended.
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
                // Nothing overtakes what is still to be offered.
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

    /// Waits until everything is settled; returns how much is not when the grace is over.
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

    /// A member gave an event back that it had taken.
    fn give_back(&self, target: Target, event: &Event) {
        let mut event = event.clone();
        event.redelivered = event.redelivered.saturating_add(1);
        let first = self.again.lock().add(&target, event);
        let Some(own) = self.own.upgrade().filter(|_| first) else {
            return;
        };
        let weak = Arc::downgrade(&own);
        drop(own);
        // Without a runtime the process is ending; what waits is counted by `flush`.
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
