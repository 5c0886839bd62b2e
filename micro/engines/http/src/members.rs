//! Who there is: the subscribers of this process, and those of others.
//!
//! The registry tells which there are; a stream tells which there still are. A subscriber that the
//! registry knows no more stays a member while the stream to its process is open, until the
//! process says that it has ended. One that neither tells of is remembered for a while, so that a
//! publisher hears of it and not "nobody".

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

/// The pause before the registry is asked again that did not let itself be watched.
const WATCH_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Who there is.
pub(super) struct MemberDirectory {
    pub(super) local: Arc<LocalMembers>,
    /// What the ids of this process's subscribers begin with.
    own: String,
    times: Timeouts,
    /// How long a member is remembered that neither the registry nor a stream tells of.
    memory: Duration,
    remote: RwLock<RemoteMembers>,
    /// Whether the registry has told who there is.
    known: watch::Sender<bool>,
}

#[derive(Default)]
struct RemoteMembers {
    members: Vec<Arc<RemoteMember>>,
    /// By address: one stream for all subscribers of a process.
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

    /// Waits until the registry has told who there is.
    pub(super) async fn known(&self) {
        let mut known = self.known.subscribe();
        if known.wait_for(|known| *known).await.is_err() {
            tracing::debug!("the broker has ended");
        }
    }

    /// Follows the registry, for ever.
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

    /// The registry knows these.
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
        // Those that the registry has forgotten, as far as they have not ended.
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
        // Before anybody publishes to them: one that is being asked is a member meanwhile.
        ask(&members);
        remote.members = members;
        drop(remote);
        // Members that are gone live on as long as events are on their way to them.
        drop((old, trials));
        drop(before);
        self.known.send_replace(true);
        self.local.changed().notify_waiters();
    }
}

/// Has each process itself tell of subscribers that the registry does not know any more.
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
        // A queue without a member waits for one and is named when none comes. A subscriber
        // without a queue is missed only where nobody else is there: what comes in its place has
        // an id of its own.
        let nobody = members.is_empty();
        // Somebody has to take the event, or the publisher has to hear why nobody did.
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

/// A subscriber of another process.
struct RemoteMember {
    found: FoundSubscriber,
    target: Target,
    /// None: a program of Go Micro.
    link: Option<Arc<PeerLink>>,
    /// Since when the registry does not know it any more.
    unlisted: Option<Instant>,
    /// None: no stranger can have announced it.
    trial: Option<Arc<Trial>>,
}

/// Whether a subscriber of another process is to have events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Member,
    /// It was one a while ago and has not said that it ends.
    Lost,
    /// It has ended in order, or nothing was heard of it for too long.
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

    /// The trial of the subscriber at this address.
    fn on_trial(&self) -> Option<((&str, &str), &Arc<Trial>)> {
        let trial = self.trial.as_ref()?;
        Some(((&self.found.id, &self.found.address), trial))
    }

    fn is_aside(&self, now: Instant) -> bool {
        let trial = self.trial.as_ref();
        trial.is_some_and(|trial| trial.is_aside(now))
    }

    /// What came of an offer to a subscriber that is on trial, which others may make up for.
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
            // The registry alone tells of programs of Go Micro.
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

    /// What a refusal means for a subscriber that has ended in order, or that the registry does not
    /// know any more.
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
            // A queue that was there a moment ago may have another member in a moment.
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
                    // Whoever comes in its place is another subscriber: nothing to wait for.
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
                // It takes what nobody listens to any more without a word.
                None if self.unlisted.is_some() => {
                    Err(Refusal::Gone(Error::unavailable("it is not asked again")))
                }
                None if *secure => Err(Refusal::Never(Error::unimplemented(format!(
                    "the subscriber at {address} wants TLS, which the broker does not speak yet"
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
