//! Merges the watches of several registries into one.
//!
//! A separate task follows each registry, so a registry that does not respond delays no other. The
//! task watches again after a failure.

use std::sync::Arc;
use std::time::Duration;

use micro_core::internal::spawn_in;
use micro_wake::sync::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limited::Limited;
use crate::record::{Node, is_unverified};
use crate::watch::{Watch, WatchSender};
use micro_message::error::Result;

/// Delay before the first retry of a failed watch. It doubles up to `MAX_BACKOFF`.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long unverified nodes are held back while the first list of another registry is missing.
const FIRST: Duration = Duration::from_secs(2);

/// Watches a service in all registries. Returns as soon as one of them is watched.
///
/// # Errors
///
/// If no registry can be watched, the first error.
pub(super) async fn watch(registries: Vec<Limited>, service: &str) -> Result<Watch> {
    let (report, mut reports) = mpsc::channel(registries.len().max(1));
    let service = service.to_owned();
    let watch = Watch::spawn(move |sender| async move {
        let told = Arc::new(Mutex::new(vec![MemberState::Nothing; registries.len()]));
        // Dropping this task drops the set, which aborts the tasks in it.
        let mut tasks = JoinSet::new();
        for (at, registry) in registries.into_iter().enumerate() {
            let (told, sender) = (Arc::clone(&told), sender.clone());
            let follower = Follower {
                registry,
                service: service.clone(),
                at,
                told,
                sender,
            };
            spawn_in(&mut tasks, follower.run(report.clone()));
        }
        drop(report);
        while tasks.join_next().await.is_some() {}
    });
    let mut failed = None;
    while let Some(report) = reports.recv().await {
        match report {
            Ok(()) => return Ok(watch),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(watch), Err)
}

/// The last report of a registry.
#[derive(Clone)]
enum MemberState {
    Nothing,
    /// No report for longer than `FIRST`; the others no longer wait for it.
    Late,
    Failure,
    Nodes(Vec<Node>),
}

struct Follower {
    registry: Limited,
    service: String,
    /// Index among the registries.
    at: usize,
    /// The last report of each registry. Each follower writes only its own entry.
    told: Arc<Mutex<Vec<MemberState>>>,
    sender: WatchSender,
}

impl Follower {
    /// Forwards the lists of the registry, and reports once whether it could be watched.
    async fn run(self, report: mpsc::Sender<Result<()>>) {
        let mut report = Some(report);
        let mut pause = INITIAL_BACKOFF;
        loop {
            let attempt = self.registry.watch(&self.service).await;
            let (watch, outcome) = match attempt {
                Ok(watch) => (Some(watch), Ok(())),
                Err(error) => {
                    let error = error.context(format_args!("`{}`", self.registry.scheme()));
                    if pause == INITIAL_BACKOFF {
                        let error = error.chain();
                        tracing::warn!(service = self.service, error, "watch failed, asking again");
                    }
                    self.notify(MemberState::Failure);
                    (None, Err(error))
                }
            };
            if let Some(report) = report.take() {
                // The receiver is gone when another registry was faster.
                drop(report.send(outcome).await);
            }
            if let Some(mut watch) = watch {
                self.first(&mut watch).await;
                while let Some(change) = watch.next().await {
                    self.notify(MemberState::Nodes(change.nodes));
                    pause = INITIAL_BACKOFF;
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_BACKOFF);
        }
    }

    /// Waits for the first list of the registry, and reports `Late` after `FIRST`.
    async fn first(&self, watch: &mut Watch) {
        if matches!(self.told.lock()[self.at], MemberState::Nothing)
            && timeout(FIRST, watch.known()).await.is_err()
        {
            self.notify(MemberState::Late);
        }
    }

    fn notify(&self, what: MemberState) {
        let mut told = self.told.lock();
        // The list from before a failure is better than an empty one.
        if !matches!(
            (&what, &told[self.at]),
            (MemberState::Failure, MemberState::Nodes(_))
        ) {
            told[self.at] = what;
        }
        let (mut nodes, mut unknown, mut answered) = (Vec::new(), false, false);
        let mut waited_for = false;
        for told in &*told {
            match told {
                MemberState::Nothing => (unknown, waited_for) = (true, true),
                MemberState::Late => unknown = true,
                MemberState::Failure => {}
                MemberState::Nodes(theirs) => {
                    answered = true;
                    nodes.extend_from_slice(theirs);
                }
            }
        }
        // An empty list is sent only when at least one registry returned it and all others have
        // reported. Unverified nodes are held back until the other registries report or are late.
        let verified = nodes.iter().any(|node| !is_unverified(node));
        let known = verified || (!nodes.is_empty() && !waited_for);
        if known || (answered && !unknown) {
            self.sender.send(nodes);
        }
    }
}
