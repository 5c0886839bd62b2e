//! Directory of the known subscribers, in this process and in others.
//!
//! The registry lists the subscribers, and the stream to a process reports whether they still
//! exist. A subscriber that is missing from the registry stays a member while the stream to its
//! process is open, until the process reports that it has ended. A subscriber that neither of them
//! reports is remembered for a while, so that publishing fails and names it, instead of succeeding
//! with 0 subscribers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use micro_wake::sync::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, sleep};

use super::go_micro;
use super::link::{PeerLink, Presence};
use super::node::{self, FoundSubscriber};
use super::trial::Trial;
use crate::driver::http2::Timeouts;
use micro_broker::AckHandle;
use micro_broker::Event;
use micro_broker::internal::LocalMembers;
use micro_broker::internal::matches;
use micro_broker::internal::{Member, Members, Refusal, Target};
use micro_core::handler::BoxFuture;
use micro_message::error::Error;
use micro_registry::{Node, Registry};

/// Delay before the registry is watched again after a failed or ended watch.
const WATCH_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Directory of the known subscribers.
pub(super) struct MemberDirectory {
    pub(super) local: Arc<LocalMembers>,
    /// Prefix of the ids of this process's subscribers.
    own: String,
    times: Timeouts,
    /// Time for which a member is remembered that neither the registry nor a stream reports.
    memory: Duration,
    remote: RwLock<RemoteMembers>,
    /// Whether the registry has reported its nodes at least once.
    known: watch::Sender<bool>,
}

#[derive(Default)]
struct RemoteMembers {
    members: Vec<Arc<RemoteMember>>,
    /// Links by address. All subscribers of a process share one stream.
    links: HashMap<String, Arc<PeerLink>>,
}

impl MemberDirectory {
    pub(super) fn new(
        local: Arc<LocalMembers>,
        own: &str,
        times: Timeouts,
        memory: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            local,
            own: own.to_owned(),
            times,
            memory,
            remote: RwLock::default(),
            known: watch::Sender::new(false),
        })
    }

    /// Waits until the registry has reported its nodes at least once.
    pub(super) async fn known(&self) {
        let mut known = self.known.subscribe();
        if known.wait_for(|known| *known).await.is_err() {
            tracing::debug!("the broker has ended");
        }
    }

    /// Watches the registry. Never returns.
    pub(super) async fn follow(self: Arc<Self>, registry: Registry) {
        loop {
            match registry.watch(node::SERVICE).await {
                Ok(mut watch) => {
                    while let Some(change) = watch.next().await {
                        self.are(&change.nodes);
                    }
                    tracing::warn!("the registry tells no more of subscribers; asking again");
                }
                Err(error) => tracing::warn!(%error, "subscribers elsewhere are not known"),
            }
            sleep(WATCH_RETRY_INTERVAL).await;
        }
    }

    /// Replaces the remote members with the nodes in the registry.
    fn are(&self, nodes: &[Node]) {
        let now = Instant::now();
        let found = nodes.iter().filter_map(node::read);
        let found = found.filter(|found| !found.id.starts_with(&self.own));
        let mut remote = self.remote.write();
        let old = std::mem::take(&mut remote.links);
        let before = std::mem::take(&mut remote.members);
        let trials: HashMap<_, _> = before.iter().filter_map(|one| one.on_trial()).collect();
        let trial = |found: &FoundSubscriber| {
            let known = trials.get(&(&*found.id, &*found.address)).copied().cloned();
            found.unverified.then(|| known.unwrap_or_default())
        };
        let mut members = Vec::new();
        let mut listed = HashSet::new();
        for found in found {
            let link = found.ours.then(|| {
                let link = remote.links.entry(found.address.clone());
                let known = old.get(&found.address).cloned();
                let new = || known.unwrap_or_else(|| PeerLink::new(&found.address, self.times));
                Arc::clone(link.or_insert_with(new))
            });
            listed.insert(found.id.clone());
            let trial = trial(&found);
            members.push(Arc::new(RemoteMember::new(found, link, None, trial)));
        }
        // Keep members that are missing from the registry, unless they have ended.
        for member in &before {
            let standing = member.standing(now, self.memory);
            if listed.contains(&member.found.id) || standing == Membership::Over {
                continue;
            }
            let (found, link) = (member.found.clone(), member.link.clone());
            if let Some(link) = &link {
                let same = remote.links.entry(found.address.clone());
                same.or_insert_with(|| Arc::clone(link));
            }
            let since = member.unlisted.unwrap_or(now);
            let trial = member.trial.clone();
            members.push(Arc::new(RemoteMember::new(found, link, Some(since), trial)));
        }
        // This must come before the members are visible to publishers: a member that is being asked
        // stays a member meanwhile.
        ask(&members);
        remote.members = members;
        drop(remote);
        // Removed members live on while events are in flight to them.
        drop((old, trials));
        drop(before);
        self.known.send_replace(true);
        self.local.changed().notify_waiters();
    }
}

/// Asks each process for its subscribers that are missing from the registry.
fn ask(members: &[Arc<RemoteMember>]) {
    let mut links: HashMap<*const PeerLink, (&PeerLink, HashSet<&str>, HashSet<String>)> =
        HashMap::new();
    for member in members {
        let Some(link) = &member.link else { continue };
        let new = || (&**link, HashSet::new(), HashSet::new());
        let (_, known, unlisted) = links.entry(Arc::as_ptr(link)).or_insert_with(new);
        known.insert(&member.found.id);
        if member.unlisted.is_some() {
            unlisted.insert(member.found.id.clone());
        }
    }
    for (link, known, unlisted) in links.into_values() {
        link.keep(&known, unlisted);
    }
}

impl Members for MemberDirectory {
    fn of(&self, topic: &str) -> Vec<Arc<dyn Member>> {
        let mut members = self.local.of(topic);
        let remote = self.remote.read();
        let now = Instant::now();
        let (mut lost, mut aside): (Vec<&Arc<RemoteMember>>, Vec<_>) = (Vec::new(), Vec::new());
        for member in &remote.members {
            if !matches(&member.found.topics, topic) {
                continue;
            }
            match member.standing(now, self.memory) {
                Membership::Member if member.is_aside(now) => aside.push(member),
                Membership::Member => members.push(Arc::clone(member) as Arc<dyn Member>),
                Membership::Lost => lost.push(member),
                Membership::Over => {}
            }
        }
        // A queue without a member waits for one, and the error names the queue if none joins. A
        // lost subscriber without a queue counts only if no other member exists, because its
        // replacement has a different id.
        let nobody = members.is_empty();
        // Without other members, skipped subscribers are tried too: one of them accepts the event,
        // or the publisher receives the error.
        aside.retain(|_| nobody);
        let queues: HashSet<Target> = members.iter().map(|one| one.target().clone()).collect();
        let lost = lost.into_iter().filter(|member| match &member.target {
            Target::Plain(_) => nobody,
            queue @ Target::Queue(_) => !queues.contains(queue),
        });
        let more = lost.chain(aside);
        members.extend(more.map(|member| Arc::clone(member) as Arc<dyn Member>));
        drop(remote);
        members.sort_by(|a, b| a.id().cmp(b.id()));
        members
    }

    fn changed(&self) -> &Notify {
        self.local.changed()
    }
}

/// A subscriber in another process.
struct RemoteMember {
    found: FoundSubscriber,
    target: Target,
    /// `None` for a Go Micro program.
    link: Option<Arc<PeerLink>>,
    /// Time since which the registry does not list the subscriber. `None` while it is listed.
    unlisted: Option<Instant>,
    /// `None` unless the registry record is unverified.
    trial: Option<Arc<Trial>>,
}

/// Whether a subscriber in another process receives events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Member,
    /// It was a member recently and has not reported its end.
    Lost,
    /// It has ended gracefully, or nothing was received about it for too long.
    Over,
}

impl RemoteMember {
    fn new(
        found: FoundSubscriber,
        link: Option<Arc<PeerLink>>,
        unlisted: Option<Instant>,
        trial: Option<Arc<Trial>>,
    ) -> Self {
        Self {
            target: Target::of(found.queue.as_deref(), &found.id),
            found,
            link,
            unlisted,
            trial,
        }
    }

    /// Returns the trial of the subscriber, with the id and the address that identify it.
    fn on_trial(&self) -> Option<((&str, &str), &Arc<Trial>)> {
        let trial = self.trial.as_ref()?;
        Some(((&self.found.id, &self.found.address), trial))
    }

    fn is_aside(&self, now: Instant) -> bool {
        let trial = self.trial.as_ref();
        trial.is_some_and(|trial| trial.is_aside(now))
    }

    /// Applies the result of an offer to a subscriber on trial.
    ///
    /// The failure that starts a period in which the subscriber is skipped becomes
    /// [`Refusal::Ended`], so that publishing succeeds if others accept the event. Other failures
    /// are returned unchanged.
    fn tried(&self, trial: &Trial, offered: Result<(), Refusal>) -> Result<(), Refusal> {
        let refusal = match offered {
            Ok(()) => {
                trial.pass();
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        if !trial.fail(Instant::now()) {
            return Err(refusal);
        }
        let error = match refusal {
            Refusal::Full(error)
            | Refusal::Gone(error)
            | Refusal::Ended(error)
            | Refusal::Never(error) => error,
        };
        tracing::warn!(
            subscriber = self.found.id,
            address = self.found.address,
            topics = self.found.topics,
            error = %error.chain(),
            "passing over a subscriber that was announced without a secret and takes nothing"
        );
        Err(Refusal::Ended(error))
    }

    fn standing(&self, now: Instant, memory: Duration) -> Membership {
        let (since, until, within) = match (self.unlisted, &self.link) {
            (None, Some(link)) if link.has_left(&self.found.id) => return Membership::Over,
            (None, _) => return Membership::Member,
            // For Go Micro programs, the registry is the only source.
            (Some(since), None) => (since, None, Membership::Lost),
            (Some(since), Some(link)) => match link.presence(&self.found.id) {
                Presence::Here => return Membership::Member,
                Presence::Left => return Membership::Over,
                Presence::Asked(until) => (since, until, Membership::Member),
                Presence::Unknown(until) => (since, until, Membership::Lost),
            },
        };
        let since = until.map_or(since, |until| until.max(since));
        if now.saturating_duration_since(since) < memory {
            within
        } else {
            Membership::Over
        }
    }

    /// Adjusts a refusal if the subscriber has ended gracefully or is missing from the registry.
    fn judged(&self, refusal: Refusal) -> Refusal {
        let Refusal::Gone(error) = refusal else {
            return refusal;
        };
        let queue = matches!(self.target, Target::Queue(_));
        let left = self
            .link
            .as_ref()
            .is_some_and(|link| link.has_left(&self.found.id));
        match (self.unlisted, left) {
            // A queue that existed a moment ago may soon have another member.
            (None, true) if queue => Refusal::Gone(error),
            (_, true) => Refusal::Ended(error),
            (None, false) => Refusal::Gone(error),
            (Some(_), false) => {
                let error = error.context(format_args!(
                    "the registry does not know the subscriber at {} any more",
                    self.found.address
                ));
                if queue {
                    Refusal::Gone(error)
                } else {
                    // A replacement is a different subscriber, so waiting does not help.
                    Refusal::Never(error)
                }
            }
        }
    }
}

impl Member for RemoteMember {
    fn id(&self) -> &str {
        &self.found.id
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn offer(
        &self,
        event: Arc<Event>,
        settle: AckHandle,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let FoundSubscriber {
                id,
                address,
                secure,
                ..
            } = &self.found;
            let trial = self.trial.as_deref();
            let deadline = trial.map_or(deadline, |trial| trial.limit(deadline));
            let offered = match &self.link {
                Some(link) => link.offer(id, &event, settle, deadline).await,
                // A Go Micro program accepts events without an error even if the subscriber has
                // ended.
                None if self.unlisted.is_some() => {
                    Err(Refusal::Gone(Error::unavailable("it is not asked again")))
                }
                None if *secure => Err(Refusal::Never(Error::unimplemented(format!(
                    "the subscriber at {address} wants TLS, which the broker does not support yet"
                )))),
                None => go_micro::post((address, id), &event, settle, deadline).await,
            };
            let offered = offered.map_err(|refusal| self.judged(refusal));
            match trial {
                Some(trial) => self.tried(trial, offered),
                None => offered,
            }
        })
    }
}
