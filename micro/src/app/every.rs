//! Periodic work: functions that run every so often while the app does.
//!
//! One never overlaps itself; a moment that is missed is left out. Does not know other processes:
//! each node runs its own.

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
    /// How long from one run's moment to the next one's.
    pub period: Duration,
    /// The function, its parameters injected.
    pub call: for<'a> fn(&'a Resources) -> BoxFuture<'a, Result<()>>,
    /// Where it is defined.
    pub location: Location,
}
micro_core::__collector!(LinkedEvery, LINKED_EVERYS);

impl LinkedEvery {
    fn key(&self) -> impl Ord {
        (self.location, self.name)
    }
}

type Run = Arc<dyn for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// Periodic work of one app: linked or given to the builder.
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
            // Never zero, which would leave no time for anything else.
            period: period.max(Duration::from_millis(1)),
            run: Arc::new(run),
        }
    }

    pub(super) fn linked(record: &'static LinkedEvery) -> Self {
        Self::new(record.name, record.period, record.call)
    }

    /// Runs until it is told to stop; what runs then is finished.
    async fn repeat(self, resources: Resources, stopping: CancellationToken) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = sleep_until(next) => {}
            }
            // A task of its own, so that a panic ends this run only.
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

/// The periodic work of an app that runs. Dropped, it ends at once.
#[derive(Debug, Default)]
pub(super) struct Periodic {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
}

impl Periodic {
    /// Starts each; the first run is now.
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

    /// Begins no further run.
    pub(super) fn leave(&self) {
        self.stopping.cancel();
    }

    /// Waits for what runs, for at most `grace`.
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
        // Runs begin at 0, 30 and 60.
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
