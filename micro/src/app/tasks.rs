//! `Tasks`: background tasks that belong to the app, and end before it does.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use micro_core::internal::{catch_panic, spawn_in};
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::handler::{FromApp, Resources};

/// Time for cancelled tasks to reach their next `await`.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(250);

/// Spawns background tasks that belong to the app.
///
/// When the app stops, it first finishes the calls and events in flight, which may still use the
/// tasks. Then [`stopping`](Self::stopping) resolves, and the app waits for the tasks. Tasks that
/// have not ended at the end of the setting `drain_timeout` are cancelled, and the log names them.
/// They have at least one second.
///
/// A failed task is logged with its name; the app goes on. Injectable and cheap to clone.
///
/// # Examples
///
/// ```
/// use micro::Tasks;
/// use micro::prelude::*;
/// use tokio::sync::mpsc;
///
/// #[micro::message]
/// struct Visit {
///     name: String,
/// }
///
/// /// Writes visits in the background.
/// #[micro::service(init = start)]
/// struct Visits {
///     seen: mpsc::Sender<Visit>,
/// }
///
/// async fn start(tasks: Tasks) -> Result<Visits> {
///     let (seen, mut all) = mpsc::channel(1024);
///     let stopping = tasks.clone();
///     tasks.spawn("write visits", async move {
///         let mut written = Vec::new();
///         loop {
///             tokio::select! {
///                 biased;
///                 Some(Visit { name }) = all.recv() => written.push(name),
///                 () = stopping.stopping() => return, // All that was sent is written.
///             }
///         }
///     });
///     Ok(Visits { seen })
/// }
///
/// #[micro::service]
/// impl Visits {
///     #[micro::rpc]
///     async fn visit(&self, visit: Visit) -> Result<()> {
///         self.seen.send(visit).await.or_internal("the writer has ended")
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Default)]
pub struct Tasks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    stopping: CancellationToken,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code can panic while it holds the lock with a half-finished change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    set: JoinSet<()>,
    /// Names of the running tasks.
    names: HashMap<Id, Cow<'static, str>>,
    /// Whether the app has ended, so that no further task may run.
    is_closed: bool,
    /// Whether a task has been spawned.
    has_spawned: bool,
}

impl Tasks {
    /// Spawns a task. The name is for the log. The future returns nothing, or a `Result<()>` whose
    /// error is logged.
    ///
    /// After the app has ended, the future is dropped, which is logged.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskOutput,
    {
        let name = name.into();
        let mut state = self.0.lock();
        state.reap();
        if state.is_closed {
            drop(state);
            tracing::warn!(task = &*name, "task dropped: the app has ended");
            return;
        }
        let task = run(name.clone(), future);
        let id = spawn_in(&mut state.set, task).id();
        state.names.insert(id, name);
        state.has_spawned = true;
    }

    /// Completes when the app stops and all calls and events in flight have finished. To learn
    /// earlier that the app has been asked to stop, use [`Stop::requested`](crate::Stop::requested).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Whether no task runs.
    pub(super) fn is_empty(&self) -> bool {
        let mut state = self.0.lock();
        state.reap();
        state.set.is_empty()
    }

    /// Whether a task has been spawned.
    pub(super) fn has_spawned(&self) -> bool {
        self.0.lock().has_spawned
    }

    /// Waits until no task runs.
    pub(super) async fn ended(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            loop {
                match state.set.poll_join_next_with_id(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Ready(Some(ended)) => state.remove(&ended),
                }
            }
        })
        .await;
    }

    /// Asks the tasks to end, waits for at most `grace`, and cancels the others. Returns the names
    /// of the cancelled ones.
    pub(super) async fn stop(&self, grace: Duration) -> Vec<String> {
        self.0.stopping.cancel();
        let mut cut = Vec::new();
        if timeout(grace, self.ended()).await.is_err() {
            let mut state = self.0.lock();
            cut.extend(state.names.values().map(|name| name.clone().into_owned()));
            cut.sort_unstable();
            state.set.abort_all();
            drop(state);
            for task in &cut {
                tracing::warn!(task, ?grace, "task cut at the end of the drain");
            }
        }
        self.0.lock().is_closed = true;
        if timeout(CANCEL_TIMEOUT, self.ended()).await.is_err() {
            tracing::warn!("tasks that block their thread were abandoned");
        }
        cut
    }
}

impl State {
    /// Forgets the tasks that have ended.
    fn reap(&mut self) {
        while let Some(ended) = self.set.try_join_next_with_id() {
            self.remove(&ended);
        }
    }

    fn remove(&mut self, ended: &std::result::Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.names.remove(&id);
    }
}

/// Runs a task, and logs its failure.
async fn run<F>(name: Cow<'static, str>, future: F)
where
    F: Future,
    F::Output: TaskOutput,
{
    let mut future = Box::pin(future);
    let outcome = poll_fn(|cx| {
        let poll = || future.as_mut().poll(cx).map(TaskOutput::into_result);
        // The panic hook has logged the panic's text.
        catch_panic(poll, || {
            Poll::Ready(Err(Error::internal("the task panicked")))
        })
    });
    if let Err(error) = outcome.await {
        tracing::error!(task = &*name, error = error.chain(), "task failed");
    }
}

/// Cancels the tasks of an app when it is dropped.
pub(super) struct CancelTasks(pub(super) Tasks);

impl Drop for CancelTasks {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.is_closed = true;
        state.set.abort_all();
    }
}

/// What a task returns: nothing, or a result. A task that is an endless loop returns `!`.
#[diagnostic::on_unimplemented(
    message = "a task returns nothing or `micro::Result<()>`, not `{Self}`",
    label = "wrong output of a task"
)]
pub trait TaskOutput: Send + 'static {
    /// Returns the outcome as a result.
    fn into_result(self) -> Result<()>;
}

impl TaskOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl TaskOutput for Result<()> {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// A task that is an endless loop has the type `!`, which stable Rust can name only as the output of
/// a function.
impl TaskOutput for <fn() -> ! as OutputOf>::Output {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// The output of a function pointer.
#[doc(hidden)]
pub trait OutputOf {
    /// The output.
    type Output;
}

impl<T> OutputOf for fn() -> T {
    type Output = T;
}

impl FromApp for Tasks {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok((*app.get::<Self>()?).clone())
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_list().entries(state.names.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::{Instant, sleep};

    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn tasks_finish_after_they_are_asked_to_end() {
        let (tasks, done) = (Tasks::default(), Arc::new(AtomicBool::new(false)));
        let (stopping, ended) = (tasks.clone(), Arc::clone(&done));
        tasks.spawn("flush", async move {
            stopping.stopping().await;
            sleep(GRACE / 2).await;
            ended.store(true, Ordering::SeqCst);
        });
        let begin = Instant::now();
        assert!(tasks.stop(GRACE).await.is_empty());
        assert!(done.load(Ordering::SeqCst));
        assert_eq!(begin.elapsed(), GRACE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_do_not_end_are_cancelled_and_named() {
        struct Dropped(Arc<AtomicBool>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let (tasks, is_dropped) = (Tasks::default(), Arc::new(AtomicBool::new(false)));
        let dropped = Dropped(Arc::clone(&is_dropped));
        tasks.spawn("short", async { Ok(()) });
        tasks.spawn(format!("poll {}", 1), async move {
            let _dropped = dropped;
            std::future::pending::<()>().await;
        });
        assert_eq!(tasks.stop(GRACE).await, ["poll 1"]);
        assert!(is_dropped.load(Ordering::SeqCst));
        tasks.spawn("late", async { panic!("it must not run") });
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn failed_tasks_do_not_end_the_others() {
        let tasks = Tasks::default();
        let (done, is_done) = tokio::sync::oneshot::channel();
        tasks.spawn("fails", async {
            Err(Error::internal("an error of the test"))
        });
        tasks.spawn("panics", async { panic!("a panic of the test") });
        tasks.spawn("works", async { done.send(()).expect("the test waits") });
        is_done.await.unwrap();
        tasks.ended().await;
        assert!(tasks.is_empty());
    }
}
