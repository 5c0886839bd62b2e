//! Several registries as one: the first answer wins, and what is registered is registered in all.
//!
//! Earlier members are nearer: of two records of one node theirs counts. Does not hide a member
//! that fails; it is logged when it begins and when it ends, and the others go on.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::error::{Error, Result};
use crate::registry::backend::{Backend, BoxFuture, Capabilities};
use crate::registry::handle::Registry;
use crate::registry::record::Node;
use crate::registry::watch::{Watch, WatchSender};

/// Pause before a member that cannot watch is asked again.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

pub(super) struct Union {
    members: Arc<[Member]>,
}

struct Member {
    registry: Registry,
    /// Whether its last registration failed; so that only the change is logged.
    failing: AtomicBool,
}

impl Union {
    pub(super) fn new(registries: Vec<Registry>) -> Self {
        let member = |registry| Member {
            registry,
            failing: AtomicBool::new(false),
        };
        Self {
            members: registries.into_iter().map(member).collect(),
        }
    }

    fn capability(&self, which: fn(Capabilities) -> bool) -> bool {
        self.members
            .iter()
            .any(|member| which(member.registry.capabilities()))
    }
}

impl Member {
    fn note<T>(&self, outcome: &Result<T>) {
        let fails = outcome.is_err();
        if self.failing.swap(fails, Ordering::Relaxed) == fails {
            return;
        }
        let registry = self.registry.scheme();
        match outcome {
            Ok(_) => tracing::info!(registry, "registry works again"),
            Err(error) => tracing::warn!(registry, error = %error.chain(), "registry fails"),
        }
    }
}

impl Backend for Union {
    fn scheme(&self) -> &'static str {
        "union"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
            .with_register(self.capability(|c| c.register))
            .with_ttl(self.capability(|c| c.ttl))
            .with_list(self.capability(|c| c.list))
            .with_details(self.capability(|c| c.details))
    }

    async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        let all = self.members.iter().map(|member| {
            let node = &node;
            boxed(async move {
                let outcome = member.registry.write(node, ttl).await;
                member.note(&outcome);
                outcome
            })
        });
        any(&race(all.collect(), never).await)
    }

    async fn deregister(&self, node: &Node) -> Result<()> {
        let all = self
            .members
            .iter()
            .map(|member| boxed(member.registry.strike(node)));
        let outcomes = race(all.collect(), never).await;
        // A record left behind misleads callers until its ttl, so one failure is a failure.
        outcomes.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        let all = self
            .members
            .iter()
            .map(|member| boxed(member.registry.lookup(service)));
        let mut answers = race(all.collect(), |nodes: &Vec<Node>| !nodes.is_empty()).await;
        if let Some(Ok(last)) =
            answers.pop_if(|answer| answer.as_ref().is_ok_and(|n| !n.is_empty()))
        {
            return Ok(last);
        }
        merged(answers)
    }

    async fn list(&self) -> Result<Vec<Node>> {
        let able = self
            .members
            .iter()
            .filter(|member| member.registry.capabilities().list);
        let all = able.map(|member| boxed(member.registry.list()));
        merged(race(all.collect(), never).await)
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let all = self
            .members
            .iter()
            .map(|member| boxed(member.registry.watch(service)));
        let watches = race(all.collect(), never).await;
        if !watches.is_empty() && watches.iter().all(Result::is_err) {
            return Err(watches
                .into_iter()
                .find_map(Result::err)
                .expect("all are errors"));
        }
        let merge = Merge::new(watches.len());
        let members = Arc::clone(&self.members);
        let service = service.to_owned();
        Ok(Watch::spawn(move |sender| async move {
            // Dropped with this task, which stops the tasks in it.
            let mut tasks = JoinSet::new();
            for (at, first) in watches.into_iter().enumerate() {
                let slot = Slot {
                    at,
                    merge: merge.clone(),
                    sender: sender.clone(),
                };
                tasks.spawn(follow(
                    members[at].registry.clone(),
                    service.clone(),
                    first,
                    slot,
                ));
            }
            while tasks.join_next().await.is_some() {}
        }))
    }
}

/// What each member last told.
#[derive(Clone)]
struct Merge(Arc<Mutex<Vec<Told>>>);

#[derive(Clone)]
enum Told {
    Nothing,
    Failure,
    Nodes(Vec<Node>),
}

struct Slot {
    at: usize,
    merge: Merge,
    sender: WatchSender,
}

impl Merge {
    fn new(members: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![Told::Nothing; members])))
    }
}

impl Slot {
    fn set(&self, told: Told) {
        let mut all = self.merge.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[self.at] = told;
        let unknown = all.iter().any(|told| matches!(told, Told::Nothing));
        let of = |told: &Told| match told {
            Told::Nodes(nodes) => nodes.clone(),
            Told::Nothing | Told::Failure => Vec::new(),
        };
        let nodes: Vec<Node> = all.iter().flat_map(of).collect();
        // "Nobody" is known only when no member can still say otherwise.
        if !nodes.is_empty() || !unknown {
            self.sender.send(nodes);
        }
    }
}

/// Passes on what one member tells, and asks it again when its watch fails.
async fn follow(registry: Registry, service: String, first: Result<Watch>, slot: Slot) {
    let mut attempt = first;
    let mut pause = RETRY;
    loop {
        match attempt {
            Ok(mut watch) => {
                while let Some(change) = watch.next().await {
                    slot.set(Told::Nodes(change.nodes));
                    pause = RETRY;
                }
            }
            Err(error) => {
                slot.set(Told::Failure);
                if pause == RETRY {
                    tracing::warn!(service, error = %error.chain(), "watch failed, asking again");
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(MAX_RETRY);
        attempt = registry.watch(&service).await;
    }
}

fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}

/// Polls all at once until one gives what is enough (it is then the last of the answers) or none
/// is left. Without an early end the answers stand in the order of the futures.
async fn race<T>(futures: Vec<BoxFuture<'_, Result<T>>>, enough: fn(&T) -> bool) -> Vec<Result<T>> {
    let mut slots: Vec<_> = futures
        .into_iter()
        .map(|future| (Some(future), None))
        .collect();
    let mut winner = None;
    std::future::poll_fn(|cx| {
        for (at, (future, answer)) in slots.iter_mut().enumerate() {
            let polled = future.as_mut().map(|future| Pin::new(future).poll(cx));
            if let Some(Poll::Ready(ready)) = polled {
                *future = None;
                if ready.as_ref().is_ok_and(enough) {
                    winner = Some(at);
                }
                *answer = Some(ready);
                if winner.is_some() {
                    return Poll::Ready(());
                }
            }
        }
        let done = slots.iter().all(|(future, _)| future.is_none());
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    if let Some(at) = winner {
        let won = slots.swap_remove(at);
        slots = vec![won];
    }
    slots.into_iter().filter_map(|(_, answer)| answer).collect()
}

fn never<T>(_answer: &T) -> bool {
    false
}

/// One success is a success.
fn any(outcomes: &[Result<()>]) -> Result<()> {
    if outcomes.iter().any(Result::is_ok) {
        return Ok(());
    }
    let reasons: Vec<String> = outcomes
        .iter()
        .filter_map(|o| o.as_ref().err())
        .map(Error::chain)
        .collect();
    let kind = outcomes
        .iter()
        .find_map(|o| o.as_ref().err())
        .map(Error::kind);
    let kind = kind.unwrap_or(crate::error::ErrorKind::FailedPrecondition);
    Err(Error::new(
        kind,
        format!("no registry works: {}", reasons.join("; ")),
    ))
}

/// All nodes of all answers, the earlier member's record first; an error when there are only
/// errors.
fn merged(answers: Vec<Result<Vec<Node>>>) -> Result<Vec<Node>> {
    let (answered, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let mut failed = failed.into_iter().filter_map(Result::err);
    if answered.is_empty() {
        return failed.next().map_or(Ok(Vec::new()), Err);
    }
    for error in failed {
        tracing::debug!(error = %error.chain(), "registry fails, others answer");
    }
    let mut nodes: Vec<Node> = answered.into_iter().flatten().flatten().collect();
    nodes.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
    nodes.dedup_by(|later, first| later.service == first.service && later.id == first.id);
    Ok(nodes)
}
