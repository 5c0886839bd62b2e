//! Items used by the macros of this crate. Semantic versioning does not cover them.

use std::future::Future;

use tokio::runtime::Builder;

/// Settings of the runtime that runs a case.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    start_paused: bool,
    worker_threads: Option<usize>,
}

impl Settings {
    /// A single-threaded runtime whose clock is not paused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the clock is paused.
    pub fn start_paused(mut self, yes: bool) -> Self {
        self.start_paused = yes;
        self
    }

    /// Sets the number of worker threads.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.worker_threads = Some(count);
        self
    }

    /// Runs a case to completion.
    ///
    /// # Panics
    ///
    /// Panics if the case fails, or if the clock is to be paused in a multi-threaded runtime.
    pub fn run(self, case: impl Future<Output = ()>) {
        let mut builder = match self.worker_threads {
            Some(count) => {
                assert!(
                    !self.start_paused,
                    "`start_paused` and `worker_threads` exclude each other"
                );
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(count);
                builder
            }
            None => {
                let mut builder = Builder::new_current_thread();
                builder.start_paused(self.start_paused);
                builder
            }
        };
        let runtime = builder.enable_all().build();
        runtime.expect("a tokio runtime").block_on(case);
    }
}
