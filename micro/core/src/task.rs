//! Functions that box futures and blocking work before they spawn them.
//!
//! For each type of future, tokio compiles its task code (some 3500 lines of LLVM IR in a debug
//! build) twice: for the future itself, and for a future that is too large for the stack. Boxed
//! futures have one type, so this crate compiles that code once for all of them. The cost is one
//! allocation per task. For this reason, tasks that are spawned per call go to tokio directly.

use std::any::Any;
use std::pin::Pin;

use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet, spawn_blocking};

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type SpawnInSet = fn(&mut JoinSet<()>, Task<()>) -> AbortHandle;
type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

/// Spawns a task, as [`tokio::spawn`] does.
///
/// # Panics
///
/// If called outside of a tokio runtime.
#[track_caller]
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    spawn_boxed(Box::pin(task))
}

#[track_caller]
fn spawn_boxed(task: Task<()>) -> JoinHandle<()> {
    tokio::spawn(task)
}

/// Spawns a task in a set, as [`JoinSet::spawn`] does.
///
/// # Panics
///
/// If called outside of a tokio runtime.
#[track_caller]
pub fn spawn_in<T: Send + 'static>(
    set: &mut JoinSet<T>,
    task: impl Future<Output = T> + Send + 'static,
) -> AbortHandle {
    let task: Task<T> = Box::pin(task);
    set.spawn(task)
}

/// Instantiates here the tokio code for sets of tasks without a result, so that other crates need
/// not compile it.
#[doc(hidden)]
pub fn compiled_here() -> SpawnInSet {
    JoinSet::spawn
}

/// Runs work on a thread that may block, as [`tokio::task::spawn_blocking`] does.
///
/// # Errors
///
/// If the work panics or the runtime shuts down.
///
/// # Panics
///
/// If called outside of a tokio runtime.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let done = run_boxed(Box::new(move || Box::new(work()))).await?;
    Ok(*done.downcast().expect("the result is of the work's type"))
}

fn run_boxed(work: Work) -> JoinHandle<Box<dyn Any + Send>> {
    spawn_blocking(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_of_blocking_work_keep_their_type() {
        let text = String::from("a");
        assert_eq!(run_blocking(move || text + "b").await.unwrap(), "ab");
        let failed: Result<u8, String> = run_blocking(|| Err("full".to_owned())).await.unwrap();
        assert_eq!(failed, Err("full".to_owned()));
    }

    #[tokio::test]
    async fn panic_of_blocking_work_is_an_error() {
        let ended = run_blocking(|| -> u8 { panic!("of the work") }).await;
        assert!(ended.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn tasks_run_alone_and_in_sets() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let other = sender.clone();
        let task = spawn(async move { sender.send("alone").await.unwrap() });
        task.await.unwrap();
        let mut set = JoinSet::new();
        spawn_in(
            &mut set,
            async move { other.send("in a set").await.is_ok() },
        );
        assert!(set.join_next().await.unwrap().unwrap());
        assert_eq!(receiver.recv().await, Some("alone"));
        assert_eq!(receiver.recv().await, Some("in a set"));
    }
}
