//! `SharedFuture`: a future that belongs to one task, and that other tasks may poll as well.
//!
//! A caller that waits for a reply can move the frames of the connection within its own poll: the
//! connection's task need not be woken, found by a scheduler and waited for, perhaps on another
//! processor. The task of the owner polls when nobody else does.
//!
//! # What it brings
//!
//! The client shares the frames of a connection, and the requests of a bidirectional stream, while
//! few calls run and replies come in batches: the shapes `window` and `down` of the benches.
//!
//! A client in which only the tasks move frames was measured against this one on two cores, in
//! alternation, messages/s in the median (the ratio is that of neighbours):
//!
//! | shape | runs of each | with `SharedFuture` | without | without / with |
//! |---|---|---|---|---|
//! | `window` | 25 of 1 s | 1.72 million | 1.08 million | 0.68 |
//! | `window` | 12 of 2 s | 1.35 million | 0.86 million | 0.58 |
//! | `down` | 12 of 2 s | 4.16 million | 3.24 million | 0.79, from 0.72 to 0.93 |
//! | `ping` | 25 of 1 s | 49,200 | 46,300 | 1.01 |
//!
//! The best runs of `window` are alike (1.92 and 1.79 million): without `SharedFuture` a stream
//! falls more often into a rhythm in which each batch waits for a task to be scheduled. Other
//! programs kept the processors busy, and at their priority the ratios were noise, from 0.24 to
//! 2.85: the benches need a priority above theirs (`nice`, and `/proc/self/autogroup` on Linux).
//!
//! The feature `tasks-only` leaves all polling to the owners. To measure again, build the bench
//! twice and run the two in alternation:
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

/// The future, for those who may poll it. It is dropped when its [`FutureOwner`] is.
pub struct SharedFuture<F: Future> {
    signal: Arc<WakeState>,
    /// The signal as a waker.
    waker: Waker,
    /// Locked by whoever set the signal's `POLLING`, and by the owner; nobody polls without
    /// `POLLING`.
    work: Mutex<SharedState<F>>,
    /// The owner is gone.
    stopped: AtomicBool,
}

struct SharedState<F: Future> {
    /// `None` after the owner is gone, or has taken it.
    future: Option<F>,
    /// Waits for the owner.
    output: Option<F::Output>,
}

/// The future, for the task that it belongs to: a future with the same output.
///
/// It polls the shared future only when that was woken and nobody else polls it. Dropping it drops
/// the shared future, at the latest when a poll that is under way ends.
pub struct FutureOwner<F: Future + Unpin>(Arc<SharedFuture<F>>);

/// Shares a future between a task that owns it and others that may poll it.
pub fn share<F: Future + Unpin>(future: F) -> (FutureOwner<F>, Arc<SharedFuture<F>>) {
    let signal = Arc::new(WakeState::default());
    // It was not polled yet.
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
    /// Polls the future if it was woken, or never polled, and nobody polls it now.
    ///
    /// Its wakes do not reach the caller: they wake the owner.
    pub fn poll_if_woken(&self) {
        if self.signal.is_waiting() {
            self.run_then_poll(|| ());
        }
    }

    /// Runs a closure, and then polls the future if the closure, or anything else meanwhile, has
    /// woken it. Only runs the closure when somebody polls the future already.
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

    /// Polls the future. For whoever has begun to.
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

    /// Drops the future if the owner is gone. Whoever has polled does so at the end: an owner that
    /// finds it polling leaves the future to it.
    fn clear(&self) {
        if self.is_stopped() {
            let gone = self.work.lock().future.take();
            // Outside the lock: it may run any code.
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

/// Between a `begin` and its end.
struct PollGuard<'a, F: Future + Unpin>(&'a SharedFuture<F>);

impl<F: Future + Unpin> PollGuard<'_, F> {
    /// Polls as long as wakes are noted; whether the owner has to poll.
    fn finish(self) -> bool {
        let shared = self.0;
        let round = shared.poll();
        std::mem::forget(self);
        if let PollOutcome::Ready(()) = round {
            // The output waits for the owner.
            shared.signal.mark();
            shared.signal.end();
        }
        // Not before it has ended, or an owner could go between.
        shared.clear();
        !matches!(round, PollOutcome::Rest)
    }
}

/// A panic has come between: the owner polls next, and meets the panic itself if it persists.
impl<F: Future + Unpin> Drop for PollGuard<'_, F> {
    fn drop(&mut self) {
        self.0.signal.mark();
        self.0.signal.end();
        self.0.signal.task.wake();
    }
}

impl<F: Future + Unpin> FutureOwner<F> {
    /// Takes the future out, once; nobody polls it any more. Waits while somebody polls it.
    pub fn take(&mut self) -> Option<F> {
        self.0.work.lock().future.take()
    }
}

impl<F: Future + Unpin> Future for FutureOwner<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let shared = &self.0;
        // Before the state is read: a wake from then on reaches this task.
        shared.signal.task.register(cx.waker());
        // Whoever polls now sees the note of the wake that brought this task here. And there may be
        // nothing new: somebody has polled since.
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
        // Otherwise whoever polls now ends later, and drops the future then.
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

    /// Counts its polls and keeps who polled last; ends with the count when it may.
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
        /// The owner has polled once and waits.
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
        // There is nothing new.
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
