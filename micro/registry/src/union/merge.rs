//! The watches of several registries as one.
//!
//! Each is followed by a task of its own, so a silent one holds up nobody, and asked again when it
//! fails.

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

/// Pause before a registry that cannot watch is asked again; doubles up to the longest.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long nodes that anybody may have announced wait for the first list of another registry.
const FIRST: Duration = Duration::from_secs(2);

/// Watches a service in all registries; ready as soon as one of them is.
///
/// # Errors
///
/// The first registry's when none can watch.
pub(super) async fn watch(registries: Vec<Limited>, service: &str) -> Result<Watch> {
    let (report, mut reports) = mpsc::channel(registries.len().max(1));
    let service = service.to_owned();
    let watch = Watch::spawn(move |sender| async move {
        let told = Arc::new(Mutex::new(vec![MemberState::Nothing; registries.len()]));
        // Dropped with this task, which stops the tasks in it.
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

/// What a registry last told.
#[derive(Clone)]
enum MemberState {
    Nothing,
    /// Nothing, for longer than the others wait.
    Late,
    Failure,
    Nodes(Vec<Node>),
}

struct Follower {
    registry: Limited,
    service: String,
    /// Its place among the registries.
    at: usize,
    /// What each of them last told; each follower writes its own place.
    told: Arc<Mutex<Vec<MemberState>>>,
    sender: WatchSender,
}

impl Follower {
    /// Passes on what the registry tells; says once whether it could be watched.
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
                // Nobody listens any more when another registry was faster.
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

    /// Waits for the first list of a registry no longer than others do.
    async fn first(&self, watch: &mut Watch) {
        if matches!(self.told.lock()[self.at], MemberState::Nothing)
            && timeout(FIRST, watch.known()).await.is_err()
        {
            self.notify(MemberState::Late);
        }
    }

    fn notify(&self, what: MemberState) {
        let mut told = self.told.lock();
        // What a registry told before it failed is better than nothing.
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
        // "Nobody" is known only when no registry can still say otherwise and one said so. And what
        // anybody may have announced waits for what others say.
        let verified = nodes.iter().any(|node| !is_unverified(node));
        let known = verified || (!nodes.is_empty() && !waited_for);
        if known || (answered && !unknown) {
            self.sender.send(nodes);
        }
    }
}
