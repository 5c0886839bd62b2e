//! The tasks of a client, kept in one place so that they end with the client.

use std::time::Duration;

use micro_core::internal::spawn_in;
use micro_wake::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Time that connections may take to close gracefully.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Tasks that are aborted when this is closed or dropped.
#[derive(Debug)]
pub(super) struct Tasks(Mutex<Option<JoinSet<()>>>);

/// Aborts its task when dropped.
#[derive(Debug)]
pub(super) struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }

    /// Spawns a task that runs until it ends or the client does. Does nothing if the client has
    /// ended.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.start(future);
    }

    /// Spawns a task that is aborted when the returned value is dropped. Returns `None` if the
    /// client has ended.
    pub(super) fn own(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortOnDrop> {
        self.start(future).map(AbortOnDrop)
    }

    fn start(&self, future: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        let mut tasks = self.0.lock();
        let tasks = tasks.as_mut()?;
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
        Some(spawn_in(tasks, future))
    }

    /// Aborts all tasks without waiting for them.
    pub(super) fn abort(&self) {
        drop(self.take());
    }

    /// Waits for up to a second until the tasks have ended, then aborts the others.
    pub(super) async fn close(&self) {
        let Some(mut tasks) = self.take() else {
            return;
        };
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                report(ended);
            }
        };
        if timeout(CLOSE_TIMEOUT, all).await.is_err() {
            tracing::debug!(left = tasks.len(), "stopping what did not end by itself");
            tasks.shutdown().await;
        }
    }

    fn take(&self) -> Option<JoinSet<()>> {
        let mut tasks = self.0.lock();
        tasks.take()
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task of the client panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tasks {
        pub(crate) fn running(&self) -> usize {
            let mut tasks = self.0.lock();
            tasks.as_mut().map_or(0, |tasks| {
                while tasks.try_join_next().is_some() {}
                tasks.len()
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_a_second_and_nothing_runs_after() {
        let tasks = Tasks::new();
        tasks.spawn(async {});
        tasks.spawn(std::future::pending());
        let started = tokio::time::Instant::now();
        tasks.close().await;
        assert_eq!(started.elapsed(), CLOSE_TIMEOUT);
        tasks.spawn(async { unreachable!("it is closed") });
        tokio::task::yield_now().await;
        assert_eq!(tasks.running(), 0);
    }
}
