//! Who there is: the subscribers of this process, and those that the registry knows elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, sleep};

use super::gomicro;
use super::node::{self, Found};
use super::session::Link;
use crate::driver::http2::Times;
use micro_broker::Event;
use micro_broker::Settle;
use micro_broker::internal::Local;
use micro_broker::internal::matches;
use micro_broker::internal::{Member, Members, Refusal, Target};
use micro_core::handler::BoxFuture;
use micro_message::error::Error;
use micro_registry::{Node, Registry};

/// The pause before the registry is asked again that did not let itself be watched.
const PAUSE: Duration = Duration::from_millis(500);

/// Who there is.
pub(super) struct Everyone {
    pub(super) local: Arc<Local>,
    /// What the ids of this process's subscribers begin with.
    own: String,
    times: Times,
    elsewhere: RwLock<Elsewhere>,
    /// Whether the registry has told who there is.
    known: watch::Sender<bool>,
}

#[derive(Default)]
struct Elsewhere {
    members: Vec<Arc<There>>,
    /// By address: one stream for all subscribers of a process.
    links: HashMap<String, Arc<Link>>,
}

impl Everyone {
    pub(super) fn new(local: Arc<Local>, own: &str, times: Times) -> Arc<Self> {
        Arc::new(Self {
            local,
            own: own.to_owned(),
            times,
            elsewhere: RwLock::default(),
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
            sleep(PAUSE).await;
        }
    }

    /// The registry knows these.
    fn are(&self, nodes: &[Node]) {
        let found = nodes.iter().filter_map(node::read);
        let found = found.filter(|found| !found.id.starts_with(&self.own));
        let mut elsewhere = self
            .elsewhere
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut elsewhere.links);
        let mut members = Vec::new();
        for found in found {
            let link = found.ours.then(|| {
                let link = elsewhere.links.entry(found.address.clone());
                let known = old.get(&found.address).cloned();
                let new = || known.unwrap_or_else(|| Link::new(&found.address, self.times));
                Arc::clone(link.or_insert_with(new))
            });
            let target = Target::of(found.queue.as_deref(), &found.id);
            members.push(Arc::new(There {
                found,
                target,
                link,
            }));
        }
        // Members that are gone live on as long as events are on their way to them.
        let gone = std::mem::replace(&mut elsewhere.members, members);
        drop(elsewhere);
        drop((old, gone));
        self.known.send_replace(true);
        self.local.changed().notify_waiters();
    }
}

impl Members for Everyone {
    fn of(&self, topic: &str) -> Vec<Arc<dyn Member>> {
        let mut members = self.local.of(topic);
        let elsewhere = self
            .elsewhere
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let fitting = elsewhere
            .members
            .iter()
            .filter(|member| matches(&member.found.topics, topic));
        members.extend(fitting.map(|member| Arc::clone(member) as Arc<dyn Member>));
        drop(elsewhere);
        members.sort_by(|a, b| a.id().cmp(b.id()));
        members
    }

    fn changed(&self) -> &Notify {
        self.local.changed()
    }
}

/// A subscriber of another process.
struct There {
    found: Found,
    target: Target,
    /// None: a program of Go Micro.
    link: Option<Arc<Link>>,
}

impl Member for There {
    fn id(&self) -> &str {
        &self.found.id
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn offer(
        &self,
        event: Arc<Event>,
        settle: Settle,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let Found {
                id,
                address,
                secure,
                ..
            } = &self.found;
            match &self.link {
                Some(link) => link.offer(id, &event, settle, deadline).await,
                None if *secure => Err(Refusal::Never(Error::unimplemented(format!(
                    "the subscriber at {address} wants TLS, which the broker does not speak yet"
                )))),
                None => gomicro::post((address, id), &event, settle, deadline).await,
            }
        })
    }
}
