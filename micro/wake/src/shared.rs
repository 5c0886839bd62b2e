//! `SharedFuture`: a future that one task owns and that other tasks can poll as well.
//!
//! A caller that waits for a response can read and write the frames of the connection within its
//! own poll. Without this, the connection's task would have to be woken and scheduled first,
//! perhaps on another processor. The owner's task polls the future when no other task does.
//!
//! # Measurements
//!
//! The client shares the future that moves the frames of a connection, and the one that sends the
//! requests of a bidirectional stream, while few calls run and responses arrive in batches. The
//! benches measure this as the shapes `window` and `down`.
//!
//! The table compares this client with one in which only the tasks move frames. Both ran
//! alternately on two cores. The numbers are medians of messages/s, and the ratios compare adjacent
//! runs:
//!
//! | shape | runs of each | with `SharedFuture` | without | without / with |
//! |---|---|---|---|---|
//! | `window` | 25 of 1 s | 1.72 million | 1.08 million | 0.68 |
//! | `window` | 12 of 2 s | 1.35 million | 0.86 million | 0.58 |
//! | `down` | 12 of 2 s | 4.16 million | 3.24 million | 0.79, from 0.72 to 0.93 |
//! | `ping` | 25 of 1 s | 49,200 | 46,300 | 1.01 |
//!
//! The best runs of `window` are similar (1.92 and 1.79 million). Without `SharedFuture`, a stream
//! gets more often into a state in which each batch waits for a task to be scheduled. Other
//! programs used the processors at the same time. At their priority the ratios were noise, from
//! 0.24 to 2.85, so run the benches with a higher priority (`nice`, and `/proc/self/autogroup` on
//! Linux).
//!
//! With the feature `tasks-only`, only the owners poll. To measure again, build the bench twice and
//! run the two binaries alternately:
//!
//! ```text
//! cargo build --release -p micro-benches [--features tasks-only] --bin streams
//! streams --rounds 1 --seconds 2 --shapes window,down,ping --pairs micro-micro
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use crate::platform::{AtomicBool, defer_wake};
use crate::sync::Mutex;
use crate::wake_state::{PollOutcome, WakeState};

/// The handle for tasks that may poll the future. The future is dropped when its [`FutureOwner`] is
/// dropped.
pub struct SharedFuture<F: Future> {
    signal: Arc<WakeState>,
    /// The signal as a waker.
    waker: Waker,
    /// Locked by the task that set `POLLING`, and by the owner. The future is polled only while
    /// `POLLING` is set.
    work: Mutex<SharedState<F>>,
    /// Whether the owner was dropped.
    stopped: AtomicBool,
}

struct SharedState<F: Future> {
    /// `None` after the owner was dropped or has taken the future.
    future: Option<F>,
    /// The output, until the owner takes it.
    output: Option<F::Output>,
}

/// The owner's handle. It is a future with the same output.
///
/// It polls the shared future only if that was woken and no other task polls it. Dropping the owner
/// drops the shared future, at the latest when a poll in progress ends.
pub struct FutureOwner<F: Future + Unpin>(Arc<SharedFuture<F>>);

/// Shares a future between a task that owns it and other tasks that may poll it.
pub fn share<F: Future + Unpin>(future: F) -> (FutureOwner<F>, Arc<SharedFuture<F>>) {
    let signal = Arc::new(WakeState::default());
    // The first poll needs no wake.
    signal.mark();
    let shared = Arc::new(SharedFuture {
        waker: Waker::from(Arc::clone(&signal)),
        signal,
        work: Mutex::new(SharedState {
            future: Some(future),
            output: None,
        }),
        stopped: AtomicBool::new(false),
    });
    (FutureOwner(Arc::clone(&shared)), shared)
}

impl<F: Future + Unpin> SharedFuture<F> {
    /// Polls the future if it was woken, or was never polled, and no other task polls it now.
    ///
    /// Wakes of the future go to the owner, not to the caller.
    pub fn poll_if_woken(&self) {
        if self.signal.is_waiting() {
            self.run_then_poll(|| ());
        }
    }

    /// Runs a closure. Then polls the future if it was woken by the closure or by anything else in
    /// the meantime. If another task is already polling the future, this only runs the closure.
    pub fn run_then_poll<T>(&self, first: impl FnOnce() -> T) -> T {
        if cfg!(feature = "tasks-only") || !self.signal.begin() {
            return first();
        }
        let polling = PollGuard(self);
        let done = first();
        if polling.finish() {
            self.signal.task.wake();
        }
        done
    }

    /// Polls the future. The caller must have set `POLLING`.
    fn poll(&self) -> PollOutcome<()> {
        let mut work = self.work.lock();
        let SharedState { future, output } = &mut *work;
        self.signal
            .poll_while_woken(&self.waker, |cx| match future {
                Some(future) if output.is_none() && !self.is_stopped() => {
                    let polled = Pin::new(future).poll(cx);
                    polled.map(|polled| *output = Some(polled))
                }
                _ => Poll::Ready(()),
            })
    }

    /// Drops the future if the owner was dropped. Each poller calls this at its end, because an
    /// owner that is dropped during a poll leaves the future to the poller.
    fn clear(&self) {
        if self.is_stopped() {
            let gone = self.work.lock().future.take();
            // Dropped outside of the lock, because the drop may run any code.
            drop(gone);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

impl<F: Future> fmt::Debug for SharedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFuture")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

/// A poll between `begin` and `end`.
struct PollGuard<'a, F: Future + Unpin>(&'a SharedFuture<F>);

impl<F: Future + Unpin> PollGuard<'_, F> {
    /// Polls while wakes are recorded. Returns whether the owner has to poll.
    fn finish(self) -> bool {
        let shared = self.0;
        let round = shared.poll();
        std::mem::forget(self);
        if let PollOutcome::Ready(()) = round {
            // The owner polls next, to take the output.
            shared.signal.mark();
            shared.signal.end();
        }
        // This must come after `end`. Otherwise the owner could be dropped between the two.
        shared.clear();
        !matches!(round, PollOutcome::Rest)
    }
}

/// Runs only after a panic: the owner polls next. If the panic persists, it happens in the owner's
/// poll.
impl<F: Future + Unpin> Drop for PollGuard<'_, F> {
    fn drop(&mut self) {
        self.0.signal.mark();
        self.0.signal.end();
        self.0.signal.task.wake();
    }
}

impl<F: Future + Unpin> FutureOwner<F> {
    /// Takes the future, once. It is not polled any more. Blocks while another task polls it.
    pub fn take(&mut self) -> Option<F> {
        self.0.work.lock().future.take()
    }
}

impl<F: Future + Unpin> Future for FutureOwner<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let shared = &self.0;
        // Register before the state is read: every later wake reaches this task.
        shared.signal.task.register(cx.waker());
        // If another task polls now, it sees the recorded wake that woke this task. Or there is
        // nothing to do, because another task has polled since that wake.
        if !shared.signal.begin() || !PollGuard(shared).finish() {
            return Poll::Pending;
        }
        if let Some(output) = shared.work.lock().output.take() {
            return Poll::Ready(output);
        }
        defer_wake(cx);
        Poll::Pending
    }
}

impl<F: Future + Unpin> Drop for FutureOwner<F> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        // If another task polls now, it drops the future at its end.
        if self.0.signal.begin() {
            PollGuard(&self.0).finish();
        }
    }
}

impl<F: Future + Unpin> fmt::Debug for FutureOwner<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FutureOwner").field(&self.0).finish()
    }
}

#[cfg(test)]
#[cfg(not(any(loom, feature = "tasks-only")))]
mod tests {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::platform::AtomicWaker;
    use crate::wake_counter::WakeCounter;

    /// Counts its polls and stores the waker of the last one. Returns the count once `may_end` is
    /// set.
    #[derive(Default)]
    struct Probe {
        polls: AtomicUsize,
        may_end: AtomicBool,
        panics: AtomicBool,
        task: Mutex<Option<Waker>>,
    }

    struct Probed(Arc<Probe>);

    impl Future for Probed {
        type Output = usize;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
            let probe = &self.0;
            let polls = probe.polls.fetch_add(1, Ordering::SeqCst) + 1;
            *probe.task.lock() = Some(cx.waker().clone());
            assert!(!probe.panics.swap(false, Ordering::SeqCst), "as told");
            if probe.may_end.load(Ordering::SeqCst) {
                return Poll::Ready(polls);
            }
            Poll::Pending
        }
    }

    impl Probe {
        fn polls(&self) -> usize {
            self.polls.load(Ordering::SeqCst)
        }

        fn wake(&self) {
            let task = self.task.lock().clone();
            task.unwrap().wake();
        }
    }

    struct Scene {
        probe: Arc<Probe>,
        owner: FutureOwner<Probed>,
        shared: Arc<SharedFuture<Probed>>,
        wakes: Arc<WakeCounter>,
    }

    impl Scene {
        /// Creates a scene in which the owner has polled once and waits.
        fn new() -> Self {
            let probe = Arc::new(Probe::default());
            let (owner, shared) = share(Probed(Arc::clone(&probe)));
            let mut scene = Self {
                probe,
                owner,
                shared,
                wakes: Arc::default(),
            };
            assert!(scene.poll().is_pending());
            scene
        }

        fn poll(&mut self) -> Poll<usize> {
            let task = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.owner).poll(&mut Context::from_waker(&task))
        }
    }

    #[test]
    fn what_is_woken_by_who_comes_by_does_not_need_its_task() {
        let scene = Scene::new();
        scene.shared.run_then_poll(|| scene.probe.wake());
        assert_eq!((scene.probe.polls(), scene.wakes.count()), (2, 0));
        scene.shared.run_then_poll(|| ());
        scene.shared.poll_if_woken();
        assert_eq!(scene.probe.polls(), 2);
        scene.probe.wake();
        assert_eq!(scene.wakes.count(), 1);
        scene.shared.poll_if_woken();
        assert_eq!(scene.probe.polls(), 3);
    }

    #[test]
    fn what_ends_beside_its_owner_ends_for_its_owner() {
        let mut scene = Scene::new();
        scene.probe.may_end.store(true, Ordering::SeqCst);
        scene.shared.run_then_poll(|| scene.probe.wake());
        assert_eq!(scene.wakes.count(), 1);
        scene.shared.run_then_poll(|| scene.probe.wake());
        assert_eq!(scene.poll(), Poll::Ready(2));
        assert_eq!(scene.probe.polls(), 2);
    }

    #[test]
    fn owner_who_comes_meanwhile_leaves_it_to_who_polls() {
        let mut scene = Scene::new();
        let shared = Arc::clone(&scene.shared);
        let polled = shared.run_then_poll(|| {
            scene.probe.wake();
            scene.poll()
        });
        assert!(polled.is_pending());
        assert_eq!((scene.probe.polls(), scene.wakes.count()), (2, 0));
        // There is nothing to do.
        assert!(scene.poll().is_pending());
        assert_eq!(scene.probe.polls(), 2);
    }

    #[test]
    fn it_goes_with_its_owner_whoever_polls() {
        let scene = Scene::new();
        scene.probe.wake();
        drop(scene.owner);
        assert_eq!(Arc::strong_count(&scene.probe), 1);
        scene.shared.poll_if_woken();

        let scene = Scene::new();
        let (owner, probe) = (scene.owner, scene.probe);
        scene.shared.run_then_poll(|| {
            drop(owner);
            assert_eq!(Arc::strong_count(&probe), 2);
        });
        assert_eq!((Arc::strong_count(&probe), probe.polls()), (1, 1));
    }

    #[test]
    fn who_panics_leaves_it_to_its_owner() {
        let mut scene = Scene::new();
        for first in [true, false] {
            scene.probe.panics.store(!first, Ordering::SeqCst);
            let before = scene.wakes.count();
            let helping = AssertUnwindSafe(|| {
                scene.shared.run_then_poll(|| {
                    scene.probe.wake();
                    assert!(!first, "as told");
                });
            });
            assert!(catch_unwind(helping).is_err());
            assert_eq!(scene.wakes.count(), before + 1);
            scene.probe.may_end.store(!first, Ordering::SeqCst);
            assert_eq!(scene.poll().is_ready(), !first);
        }
        assert_eq!(scene.probe.polls(), 4);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost_however_many_come_by() {
        const HELPERS: usize = 3;
        const PIECES: usize = 20_000;
        let (made, task) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicWaker::new()));
        let (mut taken, pieces, waker) = (0, Arc::clone(&made), Arc::clone(&task));
        let taking = Box::pin(poll_fn(move |cx| {
            waker.register(cx.waker());
            taken += pieces.swap(0, Ordering::Relaxed);
            if taken == HELPERS * PIECES {
                return Poll::Ready(());
            }
            Poll::Pending
        }));
        let (owner, shared) = share(taking);
        let helpers = [(); HELPERS].map(|()| {
            let (shared, made, task) = (Arc::clone(&shared), Arc::clone(&made), Arc::clone(&task));
            std::thread::spawn(move || {
                for piece in 0..PIECES {
                    let make = || {
                        made.fetch_add(1, Ordering::Relaxed);
                        task.wake();
                    };
                    match piece % 3 {
                        0 => make(),
                        1 => shared.run_then_poll(make),
                        _ => {
                            make();
                            shared.poll_if_woken();
                        }
                    }
                }
            })
        });
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), owner);
        ended.await.expect("the last wake was heard");
        for helper in helpers {
            helper.join().unwrap();
        }
    }
}
