//! The reference backend: topics within one process, for tests and single-process programs.
//!
//! Clones share their topics; two brokers created by [`Memory::new`] are independent. Delays use
//! tokio's clock, so they work with paused time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use micro_wake::sync::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::ack_handle::AckHandle;
use crate::backend::{Backend, BoxFuture, Capabilities, DeadLetterSink};
use crate::dispatcher::{Dispatcher, Member, Members, Refusal, Target};
use crate::inbox::Inbox;
use crate::record::Event;
use micro_message::error::{Error, ErrorKind, Result};

/// In-memory backend. Clones share their topics and subscribers.
#[derive(Clone)]
pub struct Memory {
    local: Arc<LocalMembers>,
    dispatcher: Arc<Dispatcher>,
}

impl Memory {
    /// Creates a backend without subscribers.
    pub fn new() -> Self {
        let local = Arc::new(LocalMembers::default());
        let dispatcher = Dispatcher::new(Arc::clone(&local) as Arc<dyn Members>);
        Self { local, dispatcher }
    }

    /// Opens a `memory://` URL. `rest` is the part after `memory://` and must be empty.
    pub fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new());
        }
        Err(Error::invalid_argument(format!(
            "`memory://{rest}` is invalid: the memory broker takes no parameters; write `memory://`"
        )))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Memory {
    fn scheme(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.with_remote(false)
    }

    fn undelivered(&self, keep: DeadLetterSink) {
        self.dispatcher.set_dead_letters(keep);
    }

    async fn publish(&self, events: Vec<Event>, deadline: Instant) -> Result<Vec<usize>> {
        self.dispatcher.publish(events, deadline).await
    }

    async fn subscribe(&self, inbox: Inbox) -> Result<()> {
        self.local.add(inbox);
        Ok(())
    }

    async fn unsubscribe(&self, inbox: &Inbox) -> Result<()> {
        self.local.remove(inbox);
        Ok(())
    }

    async fn flush(&self, grace: Duration) -> usize {
        self.dispatcher.flush(grace).await
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("dispatcher", &self.dispatcher)
            .finish_non_exhaustive()
    }
}

/// The subscribers of this process.
#[derive(Default)]
pub struct LocalMembers {
    /// Prefix of all ids. It makes the ids unique among processes where that is necessary.
    prefix: String,
    members: RwLock<Vec<Arc<LocalMember>>>,
    changed: Notify,
    /// Incremented whenever [`present`](Self::present) changes.
    version: watch::Sender<u64>,
}

impl LocalMembers {
    /// Creates an empty set whose subscribers get ids with the prefix `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a subscriber and returns its id.
    pub fn add(&self, inbox: Inbox) -> String {
        let id = format!("{}{:08}", self.prefix, inbox.id());
        let given = id.clone();
        let mut members = self.members.write();
        members.retain(|member| !member.inbox.is_closed());
        let target = Target::of(inbox.queue(), &id);
        members.push(Arc::new(LocalMember {
            id,
            target,
            inbox,
            leaving: AtomicBool::new(false),
        }));
        drop(members);
        self.tell();
        given
    }

    /// Marks a subscriber as leaving. It still accepts events but is not part of
    /// [`present`](Self::present) any more.
    pub fn leave(&self, inbox: &Inbox) {
        let members = self.members.read();
        for member in members.iter().filter(|one| one.inbox.id() == inbox.id()) {
            member.leaving.store(true, Ordering::Release);
        }
        drop(members);
        self.tell();
    }

    /// Returns the prefix of the ids of all subscribers of this process.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the ids of the subscribers that accept events and are not leaving.
    pub fn present(&self) -> Vec<String> {
        let members = self.members.read();
        let present = members
            .iter()
            .filter(|member| !member.inbox.is_closed() && !member.leaving.load(Ordering::Acquire));
        present.map(|member| member.id.clone()).collect()
    }

    /// Returns a receiver that is notified when [`present`](Self::present) changes.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn tell(&self) {
        self.version.send_modify(|version| *version += 1);
        self.changed.notify_waiters();
    }

    /// Returns the inbox of the subscriber with this id.
    pub fn find(&self, id: &str) -> Option<Inbox> {
        let members = self.members.read();
        let found = members.iter().find(|member| member.id == id);
        found.map(|member| member.inbox.clone())
    }

    /// Returns whether no subscriber accepts events.
    pub fn is_closed(&self) -> bool {
        let members = self.members.read();
        members.iter().all(|member| member.inbox.is_closed())
    }

    /// Removes a subscriber.
    pub fn remove(&self, inbox: &Inbox) {
        let mut members = self.members.write();
        members.retain(|member| member.inbox.id() != inbox.id());
        drop(members);
        self.tell();
    }
}

impl fmt::Debug for LocalMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalMembers")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Members for LocalMembers {
    fn of(&self, topic: &str) -> Vec<Arc<dyn Member>> {
        let members = self.members.read();
        let fitting = members
            .iter()
            .filter(|member| !member.inbox.is_closed() && member.inbox.pattern().matches(topic));
        fitting
            .map(|member| Arc::clone(member) as Arc<dyn Member>)
            .collect()
    }

    fn changed(&self) -> &Notify {
        &self.changed
    }
}

/// A subscriber of this process.
struct LocalMember {
    id: String,
    target: Target,
    inbox: Inbox,
    /// Whether the subscriber is about to end.
    leaving: AtomicBool,
}

impl Member for LocalMember {
    fn id(&self) -> &str {
        &self.id
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn offer_now(&self, event: &Arc<Event>, settle: AckHandle) -> Result<(), AckHandle> {
        self.inbox.try_push(event, settle)
    }

    fn offer(
        &self,
        event: Arc<Event>,
        settle: AckHandle,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let pushed = self.inbox.push(event, settle, deadline).await;
            pushed.map_err(|error| match error.kind() {
                ErrorKind::ResourceExhausted => Refusal::Full(error),
                _ => Refusal::Gone(error),
            })
        })
    }
}
