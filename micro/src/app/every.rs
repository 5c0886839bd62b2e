//! Periodic work: functions that run at a fixed interval while the app runs.
//!
//! Runs of the same function never overlap, and missed runs are skipped. Nodes are not coordinated:
//! each node runs its own periodic work.

use std::sync::Arc;
use std::time::Duration;

use micro_core::internal::spawn_in;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::running::abort;
use crate::error::Result;
use crate::handler::{BoxFuture, Location, Resources};

/// Periodic work found at link time.
#[derive(Debug)]
pub struct LinkedEvery {
    /// The function's name.
    pub name: &'static str,
    /// Time between the starts of two runs.
    pub period: Duration,
    /// The function, with its parameters injected.
    pub call: for<'a> fn(&'a Resources) -> BoxFuture<'a, Result<()>>,
    /// Source location of the definition.
    pub location: Location,
}
micro_core::__collector!(LinkedEvery, LINKED_EVERYS);

impl LinkedEvery {
    fn key(&self) -> impl Ord {
        (self.location, self.name)
    }
}

type Run = Arc<dyn for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// Periodic work of one app, either linked or given to the builder.
#[derive(Clone)]
pub(super) struct Every {
    pub(super) name: &'static str,
    pub(super) period: Duration,
    run: Run,
}

impl Every {
    pub(super) fn new<F>(name: &'static str, period: Duration, run: F) -> Self
    where
        F: for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        Self {
            name,
            // At least 1 ms: a period of zero would never yield to other tasks.
            period: period.max(Duration::from_millis(1)),
            run: Arc::new(run),
        }
    }

    pub(super) fn linked(record: &'static LinkedEvery) -> Self {
        Self::new(record.name, record.period, record.call)
    }

    /// Runs the function periodically until `stopping` is cancelled. A run in progress is finished.
    async fn repeat(self, resources: Resources, stopping: CancellationToken) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = sleep_until(next) => {}
            }
            // In a separate task, so that a panic ends only this run.
            let mut once = JoinSet::new();
            let (run, resources) = (Arc::clone(&self.run), resources.clone());
            spawn_in(&mut once, async move { run(&resources).await });
            match once.join_next().await {
                Some(Ok(Err(error))) => {
                    tracing::error!(
                        work = self.name,
                        error = error.chain(),
                        "periodic work failed"
                    );
                }
                Some(Err(error)) => tracing::error!(work = self.name, %error, "periodic work lost"),
                Some(Ok(Ok(()))) | None => {}
            }
            let missed = next.elapsed().as_nanos() / self.period.as_nanos();
            let periods = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            next += self.period.saturating_mul(periods);
        }
    }
}

impl std::fmt::Debug for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Every({}, {:?})", self.name, self.period)
    }
}

/// The periodic work of a running app. Dropping it ends the work at once.
#[derive(Debug, Default)]
pub(super) struct Periodic {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
}

impl Periodic {
    /// Starts all work. The first runs begin immediately.
    pub(super) fn start(works: &[Every], resources: &Resources) -> Self {
        let mut periodic = Self::default();
        for every in works {
            let stopping = periodic.stopping.clone();
            let work = every.clone().repeat(resources.clone(), stopping);
            spawn_in(&mut periodic.tasks, work);
        }
        periodic
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Prevents further runs.
    pub(super) fn leave(&self) {
        self.stopping.cancel();
    }

    /// Waits for the runs in progress, for at most `grace`, and then aborts them.
    pub(super) async fn stop(mut self, grace: Duration) {
        self.leave();
        let ended = timeout(grace, async {
            while self.tasks.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(?grace, "periodic work cut at the end of the drain");
        }
        abort(&mut self.tasks, "periodic work").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::sleep;

    const PERIOD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn long_runs_do_not_overlap_and_missed_moments_are_left_out() {
        let (runs, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, within) = (Arc::clone(&runs), Arc::clone(&inside));
        let every = Every::new("slow", PERIOD, move |_: &Resources| {
            let (counted, within) = (Arc::clone(&counted), Arc::clone(&within));
            Box::pin(async move {
                assert_eq!(within.fetch_add(1, Ordering::SeqCst), 0);
                sleep(PERIOD * 5 / 2).await;
                within.fetch_sub(1, Ordering::SeqCst);
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        });
        let periodic = Periodic::start(&[every], &Resources::new());
        let start = Instant::now();
        // Runs begin at 0, 30 and 60 seconds.
        sleep(PERIOD * 7).await;
        periodic.stop(PERIOD * 9).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert_eq!(inside.load(Ordering::SeqCst), 0);
        assert_eq!(start.elapsed().as_secs(), 85, "the last run was finished");
    }

    #[tokio::test(start_paused = true)]
    async fn panics_and_errors_do_not_end_it() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let every = Every::new("bad", PERIOD, move |_: &Resources| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                assert_ne!(number, 0, "this panic belongs to the test");
                Err(Error::internal("and this error"))
            })
        });
        let periodic = Periodic::start(&[every], &Resources::new());
        sleep(PERIOD * 2 + PERIOD / 2).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        periodic.stop(PERIOD).await;
    }
}
