//! Combines several registries into one: the first response wins, and a node is registered in all
//! of them.
//!
//! If two members return a record of the same node, the record of the earlier member is used. A
//! failing member is logged when the failure begins and when it ends, while the others continue.

mod merge;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use crate::backend::{Backend, BoxFuture, Capabilities};
use crate::limited::Limited;
use crate::record::{Node, is_unverified};
use crate::watch::Watch;
use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Timeout of one member's lookup. It is shorter than the handle's, so that another member's
/// response is still in time.
const LOOKUP: Duration = Duration::from_secs(3);

pub(super) struct Union {
    members: Vec<Member>,
}

struct Member {
    backend: Limited,
    /// Whether the last registration failed. Only changes are logged.
    failing: AtomicBool,
}

impl Union {
    pub(super) fn new(backends: Vec<Limited>) -> Self {
        let member = |backend| Member {
            backend,
            failing: AtomicBool::new(false),
        };
        Self {
            members: backends.into_iter().map(member).collect(),
        }
    }

    fn capability(&self, which: fn(Capabilities) -> bool) -> bool {
        self.members
            .iter()
            .any(|member| which(member.backend.capabilities()))
    }
}

impl Member {
    /// Adds the member's name to an error. The handle adds the operation.
    async fn named<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = operation.await;
        outcome.map_err(|error| error.context(format_args!("`{}`", self.backend.scheme())))
    }

    fn note<T>(&self, outcome: &Result<T>) {
        let fails = outcome.is_err();
        if self.failing.swap(fails, Ordering::Relaxed) == fails {
            return;
        }
        let registry = self.backend.scheme();
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
            let registered = member.named(member.backend.register(node.clone(), ttl));
            boxed(async move {
                let outcome = registered.await;
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
            .map(|member| boxed(member.named(member.backend.deregister(node))));
        let outcomes = race(all.collect(), never).await;
        // A remaining record misleads callers until its ttl ends, so one failure fails the
        // operation.
        outcomes.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        let all = self.members.iter().map(|member| {
            let lookup = member.named(member.backend.lookup(service));
            boxed(async move {
                timeout(LOOKUP, lookup)
                    .await
                    .unwrap_or_else(|_| Err(mute()))
            })
        });
        // Unverified nodes do not end the lookup before the other members have responded or timed
        // out.
        let verified = |nodes: &Vec<Node>| nodes.iter().any(|node| !is_unverified(node));
        let mut answers = race(all.collect(), verified).await;
        if let Some(Ok(last)) = answers.pop_if(|answer| answer.as_ref().is_ok_and(verified)) {
            return Ok(last);
        }
        merged(answers)
    }

    async fn list(&self) -> Result<Vec<Node>> {
        let able = self
            .members
            .iter()
            .filter(|member| member.backend.capabilities().list);
        let all = able.map(|member| boxed(member.named(member.backend.list())));
        merged(race(all.collect(), never).await)
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let backends = self.members.iter().map(|member| member.backend.clone());
        merge::watch(backends.collect(), service).await
    }
}

fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}

/// Polls all futures until `enough` accepts a result, which is then the last one returned, or until
/// all are done. Without an early end, the results are in the order of the futures.
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

fn mute() -> Error {
    Error::deadline_exceeded(format!("no answer within {LOOKUP:?}"))
}

fn never<T>(_answer: &T) -> bool {
    false
}

/// Succeeds if at least one outcome is a success.
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
    let kind = kind.unwrap_or(micro_message::error::ErrorKind::FailedPrecondition);
    Err(Error::new(
        kind,
        format!("no registry works: {}", reasons.join("; ")),
    ))
}

/// All nodes of all responses, with the earlier member's record first. Returns an error only if all
/// members failed.
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
    sort_by(&mut nodes, |a, b| {
        (&a.service, &a.id).cmp(&(&b.service, &b.id))
    });
    nodes.dedup_by(|later, first| later.service == first.service && later.id == first.id);
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Registry;
    use crate::memory::Memory;
    use crate::record::{to_call, unverified};
    use crate::static_nodes::Static;
    use micro_message::error::ErrorKind;

    const TTL: Duration = Duration::from_secs(1);

    /// Always fails, either at once or by exceeding the timeout.
    struct Broken {
        silent: bool,
    }

    impl Broken {
        async fn fail<T>(&self) -> Result<T> {
            if self.silent {
                std::future::pending::<()>().await;
            }
            Err(Error::unavailable("out of order"))
        }
    }

    impl Backend for Broken {
        fn scheme(&self) -> &'static str {
            "broken"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::ALL
        }

        async fn register(&self, _node: Node, _ttl: Duration) -> Result<()> {
            self.fail().await
        }

        async fn deregister(&self, _node: &Node) -> Result<()> {
            self.fail().await
        }

        async fn lookup(&self, _service: &str) -> Result<Vec<Node>> {
            self.fail().await
        }

        async fn list(&self) -> Result<Vec<Node>> {
            self.fail().await
        }

        async fn watch(&self, _service: &str) -> Result<Watch> {
            self.fail().await
        }
    }

    fn broken(silent: bool) -> Registry {
        Registry::new(Broken { silent })
    }

    fn fixed(version: &str) -> Registry {
        let node = Node::new("greeter", "a", "127.0.0.1:1").with_version(version);
        Registry::new(Static::new([node]))
    }

    #[tokio::test(start_paused = true)]
    async fn first_answer_wins_and_nearer_records_count() {
        let union = Registry::union([broken(true), fixed("near"), fixed("far")]);
        let start = tokio::time::Instant::now();
        assert_eq!(union.lookup("greeter").await.unwrap()[0].version, "near");
        assert_eq!(start.elapsed(), Duration::ZERO);
        let mut watch = Registry::union([fixed("near"), fixed("far")])
            .watch("greeter")
            .await;
        while watch.as_mut().unwrap().next().await.unwrap().nodes[0].version != "near" {}
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_is_passed_over_and_all_that_fail_are_an_error() {
        let node = Node::new("greeter", "a", "127.0.0.1:1");
        let half = Registry::union([broken(false), Registry::new(Memory::new())]);
        let registration = half.register(node.clone(), TTL).await.unwrap();
        assert_eq!(
            half.lookup("greeter").await.unwrap(),
            std::slice::from_ref(&node)
        );
        assert_eq!(half.lookup("nobody").await.unwrap(), []);
        let mut watch = half.watch("greeter").await.unwrap();
        assert_eq!(
            watch.next().await.unwrap().added,
            std::slice::from_ref(&node)
        );
        assert!(
            registration.deregister().await.is_err(),
            "one record may be left behind"
        );

        let all_broken = Registry::union([broken(false), broken(false)]);
        for error in [
            all_broken.register(node, TTL).await.map(drop).unwrap_err(),
            all_broken.lookup("greeter").await.map(drop).unwrap_err(),
            all_broken.watch("greeter").await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            let text = error.message();
            assert!(
                text.starts_with("registry `broken+broken`: cannot "),
                "{text}"
            );
            assert_eq!(text.matches("cannot").count(), 1, "{text}");
            assert!(text.contains(": `broken`: out of order"), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_member_keeps_its_own_time_limit() {
        let node = Node::new("greeter", "a", "127.0.0.1:1");
        let silent = broken(true).with_timeout(Duration::from_millis(100));
        let half = Registry::union([silent, Registry::new(Memory::new())]);
        let start = tokio::time::Instant::now();
        drop(half.register(node, TTL).await.unwrap());
        assert_eq!(half.list().await.unwrap().len(), 1);
        assert_eq!(start.elapsed(), Duration::from_millis(200));
    }

    /// A registry of unverified nodes.
    fn announced(ids: &[&str]) -> Registry {
        let node = |id: &&str| unverified(Node::new("greeter", *id, "10.0.0.9:7777"));
        Registry::new(Static::new(ids.iter().map(node)))
    }

    /// Watches like the inner registry, but sends its first list late or never.
    struct Slow(Registry, Duration);

    impl Backend for Slow {
        fn scheme(&self) -> &'static str {
            "slow"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::NONE
        }

        async fn register(&self, _node: Node, _ttl: Duration) -> Result<()> {
            Ok(())
        }

        async fn deregister(&self, _node: &Node) -> Result<()> {
            Ok(())
        }

        async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
            tokio::time::sleep(self.1).await;
            self.0.lookup(service).await
        }

        async fn list(&self) -> Result<Vec<Node>> {
            self.0.list().await
        }

        async fn watch(&self, service: &str) -> Result<Watch> {
            let nodes = self.0.lookup(service).await?;
            let delay = self.1;
            Ok(Watch::spawn(move |sender| async move {
                tokio::time::sleep(delay).await;
                sender.send(nodes);
                std::future::pending::<()>().await;
            }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_anybody_may_have_announced_waits_for_the_other_registries() {
        let slow = |delay| Registry::new(Slow(fixed("ours"), delay));
        let union = Registry::union([slow(Duration::from_secs(1)), announced(&["a", "evil"])]);
        let found = union.lookup("greeter").await.unwrap();
        assert_eq!((found.len(), &*found[0].version), (1, "ours"));
        let mut watch = union.watch("greeter").await.unwrap();
        let nodes = watch.next().await.unwrap().nodes;
        assert_eq!(nodes.len(), 2, "a watch has all");
        assert_eq!(
            nodes[0].version, "ours",
            "of two records the earlier registry's"
        );
        let called = to_call(&nodes, |node| node, "/greeter.Greeter/Hello");
        assert_eq!(called.len(), 1, "and a call goes to what is verified");

        let mute = Registry::union([slow(Duration::from_secs(1000)), announced(&["b"])]);
        let mut watch = mute.watch("greeter").await.unwrap();
        let nodes = watch.next().await.unwrap().nodes;
        let called = to_call(&nodes, |node| node, "/greeter.Greeter/Hello");
        assert_eq!(nodes, called, "but it does not wait for ever");
        assert_eq!(mute.lookup("greeter").await.unwrap().len(), 1);
    }
}
