//! What the macros of this crate expand to. Semantic versioning does not cover it.

use std::future::Future;

use tokio::runtime::Builder;

/// The runtime that a case runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    start_paused: bool,
    worker_threads: Option<usize>,
}

impl Settings {
    /// One thread, and a clock that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the clock is paused.
    pub fn start_paused(mut self, yes: bool) -> Self {
        self.start_paused = yes;
        self
    }

    /// Sets how many threads the runtime has.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.worker_threads = Some(count);
        self
    }

    /// Runs a case to its end.
    ///
    /// # Panics
    ///
    /// When the case fails, or when its clock is to be paused on several threads.
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
