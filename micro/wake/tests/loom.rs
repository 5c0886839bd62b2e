//! Loom models of the wakers: every interleaving of a few threads.
//!
//! A lost wake shows as a deadlock, which loom reports. A future that is polled by two threads at
//! once shows as two mutable accesses to one cell. Loom's `block_on` also wakes spuriously now and
//! then, as a task may be; loom tries each run without spurious wakes as well.
#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use micro_wake::sync::Mutex;
use micro_wake::{
    ByteBudget, Claim, FutureOwner, Held, Repoller, SharedFuture, Total, WakeFlag, share,
};

/// Pieces of work that one side makes and the other takes. The counts are relaxed: only the wake
/// makes a piece visible to the other side.
#[derive(Default)]
struct Pieces {
    made: AtomicUsize,
    task: Mutex<Option<Waker>>,
}

impl Pieces {
    fn make(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.wake();
        }
    }

    fn register(&self, cx: &Context<'_>) {
        let before = self.task.lock().replace(cx.waker().clone());
        drop(before);
    }

    /// Ready once `wanted` pieces were made. Registers the waker first and reads the count after
    /// that, as every future should.
    fn poll(&self, wanted: usize, cx: &Context<'_>) -> Poll<()> {
        self.register(cx);
        if self.made.load(Ordering::Relaxed) == wanted {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A future that is ready once a given number of pieces were made.
struct Work {
    pieces: Arc<Pieces>,
    wanted: usize,
    /// Number of polls that wake the future themselves before they return `Pending`.
    restless: usize,
    /// Accessed by each poll: two polls at once are an error in the model.
    alone: UnsafeCell<()>,
    dropped: Arc<AtomicBool>,
}

impl Work {
    fn new(pieces: &Arc<Pieces>, wanted: usize) -> Self {
        Self {
            pieces: Arc::clone(pieces),
            wanted,
            restless: 0,
            alone: UnsafeCell::new(()),
            dropped: Arc::default(),
        }
    }
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.alone.with_mut(|_| ());
        if self.restless > 0 {
            self.restless -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pieces.poll(self.wanted, cx)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.alone.with_mut(|_| ());
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// A shared [`Work`] that is ready once `wanted` pieces were made.
fn shared(wanted: usize) -> (Arc<Pieces>, FutureOwner<Work>, Arc<SharedFuture<Work>>) {
    let pieces = Arc::new(Pieces::default());
    let (owner, shared) = share(Work::new(&pieces, wanted));
    (pieces, owner, shared)
}

/// Runs a model with at most this many preemptions. Bugs of state machines show with two or three.
fn bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[test]
fn again_receives_wakes_before_during_and_after_its_polls() {
    bounded(4, || {
        let pieces = Arc::new(Pieces::default());
        let maker = Arc::clone(&pieces);
        let making = thread::spawn(move || {
            maker.make();
            maker.make();
        });
        let mut again = Repoller::new();
        block_on(poll_fn(|cx| again.poll(cx, |cx| pieces.poll(2, cx))));
        making.join().unwrap();
    });
}

#[test]
fn again_wakes_the_task_that_polled_last() {
    loom::model(|| {
        let pieces = Arc::new(Pieces::default());
        let maker = Arc::clone(&pieces);
        let making = thread::spawn(move || maker.make());
        let mut again = Repoller::new();
        let mut first = Context::from_waker(Waker::noop());
        if again.poll(&mut first, |cx| pieces.poll(1, cx)).is_pending() {
            block_on(poll_fn(|cx| again.poll(cx, |cx| pieces.poll(1, cx))));
        }
        making.join().unwrap();
    });
}

#[test]
fn again_receives_wakes_after_an_output() {
    bounded(4, || {
        let pieces = Arc::new(Pieces::default());
        let maker = Arc::clone(&pieces);
        let making = thread::spawn(move || {
            maker.make();
            maker.make();
        });
        let mut again = Repoller::new();
        let mut taken = 0;
        while taken < 2 {
            taken = block_on(poll_fn(|cx| {
                again.poll(cx, |cx| {
                    pieces.register(cx);
                    let made = pieces.made.load(Ordering::Relaxed);
                    if made > taken {
                        Poll::Ready(made)
                    } else {
                        Poll::Pending
                    }
                })
            }));
        }
        making.join().unwrap();
    });
}

#[test]
fn bell_receives_wakes_before_during_and_after_its_polls() {
    loom::model(|| {
        let pieces = Arc::new(Pieces::default());
        let maker = Arc::clone(&pieces);
        let making = thread::spawn(move || {
            maker.make();
            maker.make();
        });
        let mut bell = WakeFlag::new();
        block_on(poll_fn(|cx| bell.poll(cx.waker(), |cx| pieces.poll(2, cx))));
        making.join().unwrap();
    });
}

#[test]
fn bell_wakes_the_task_that_polled_last() {
    loom::model(|| {
        let pieces = Arc::new(Pieces::default());
        let maker = Arc::clone(&pieces);
        let making = thread::spawn(move || maker.make());
        let mut bell = WakeFlag::new();
        let first = bell.poll(Waker::noop(), |cx| pieces.poll(1, cx));
        if first.is_pending() {
            block_on(poll_fn(|cx| bell.poll(cx.waker(), |cx| pieces.poll(1, cx))));
        }
        making.join().unwrap();
    });
}

#[test]
fn owner_receives_every_wake_without_helpers() {
    bounded(4, || {
        let (pieces, owner, _common) = shared(2);
        let making = thread::spawn(move || {
            pieces.make();
            pieces.make();
        });
        block_on(owner);
        making.join().unwrap();
    });
}

#[test]
fn owner_ends_when_a_helper_makes_the_awaited_piece() {
    loom::model(|| {
        let (pieces, owner, shared) = shared(1);
        let helping = thread::spawn(move || shared.run_then_poll(|| pieces.make()));
        block_on(owner);
        helping.join().unwrap();
    });
}

#[test]
fn owner_ends_when_a_helper_polls_after_a_wake() {
    bounded(4, || {
        let (pieces, owner, shared) = shared(1);
        let helping = thread::spawn(move || {
            pieces.make();
            shared.poll_if_woken();
        });
        block_on(owner);
        helping.join().unwrap();
    });
}

#[test]
fn no_wake_is_lost_between_an_owner_a_helper_and_another_thread() {
    bounded(3, || {
        let (pieces, owner, shared) = shared(2);
        let other = Arc::clone(&pieces);
        let making = thread::spawn(move || other.make());
        let helping = thread::spawn(move || shared.run_then_poll(|| pieces.make()));
        block_on(owner);
        making.join().unwrap();
        helping.join().unwrap();
    });
}

#[test]
fn no_wake_is_lost_between_an_owner_and_two_helpers() {
    bounded(2, || {
        let (pieces, owner, shared) = shared(2);
        let (other, others) = (Arc::clone(&shared), Arc::clone(&pieces));
        let first = thread::spawn(move || shared.run_then_poll(|| pieces.make()));
        let second = thread::spawn(move || {
            others.make();
            other.poll_if_woken();
        });
        block_on(owner);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn work_that_always_wakes_itself_is_continued_by_its_owner() {
    bounded(3, || {
        let pieces = Arc::new(Pieces::default());
        let mut work = Work::new(&pieces, 1);
        // More polls than a helper does in a row: it leaves the rest to the owner.
        work.restless = 3;
        let (owner, shared) = share(work);
        let helping = thread::spawn(move || shared.run_then_poll(|| pieces.make()));
        block_on(owner);
        helping.join().unwrap();
    });
}

#[test]
fn work_is_dropped_with_its_owner_even_while_a_helper_polls() {
    loom::model(|| {
        let pieces = Arc::new(Pieces::default());
        let work = Work::new(&pieces, 2);
        let dropped = Arc::clone(&work.dropped);
        let (owner, shared) = share(work);
        let helper = Arc::clone(&shared);
        let helping = thread::spawn(move || helper.run_then_poll(|| pieces.make()));
        drop(owner);
        helping.join().unwrap();
        // The shared handle is still alive, the work is not.
        assert!(dropped.load(Ordering::Relaxed));
        shared.poll_if_woken();
    });
}

#[test]
fn work_that_a_helper_ends_is_dropped_with_its_owner() {
    loom::model(|| {
        let pieces = Arc::new(Pieces::default());
        let work = Work::new(&pieces, 1);
        let dropped = Arc::clone(&work.dropped);
        let (owner, shared) = share(work);
        let helper = Arc::clone(&shared);
        let helping = thread::spawn(move || helper.run_then_poll(|| pieces.make()));
        drop(owner);
        helping.join().unwrap();
        assert!(dropped.load(Ordering::Relaxed));
        drop(shared);
    });
}

#[test]
fn work_that_was_taken_is_not_polled_by_helpers() {
    loom::model(|| {
        let (pieces, mut owner, shared) = shared(2);
        let helping = thread::spawn(move || {
            pieces.make();
            shared.poll_if_woken();
            shared.poll_if_woken();
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut owner).poll(&mut cx).is_pending());
        let work = owner.take().unwrap();
        // Loom reports an error here if the helper polls at the same time.
        work.alone.with_mut(|_| ());
        assert!(owner.take().is_none());
        helping.join().unwrap();
    });
}

/// A budget of `limit` bytes with two places for claims.
fn budget(limit: usize) -> Arc<ByteBudget> {
    ByteBudget::new(limit, limit, &Total::new(100), (2, 0))
}

/// Waits for bytes of a budget. The claim keeps its place in the queue until it has them.
fn claim(budget: &Arc<ByteBudget>, bytes: usize) -> Held {
    let mut claim = Claim::new(budget);
    block_on(poll_fn(|cx| claim.poll_reserve(cx, bytes))).unwrap()
}

#[test]
fn waiting_claim_is_woken_by_the_release_that_makes_room() {
    loom::model(|| {
        let budget = budget(2);
        let held = budget.reserve(2).unwrap();
        let claiming = thread::spawn({
            let budget = Arc::clone(&budget);
            move || claim(&budget, 1)
        });
        drop(held);
        let got = claiming.join().unwrap();
        assert_eq!((got.bytes(), budget.held()), (1, 1));
        drop(got);
        assert_eq!(budget.held(), 0);
    });
}

#[test]
fn claims_that_wait_both_find_room_after_two_releases() {
    bounded(3, || {
        let budget = budget(2);
        let (first, second) = (budget.reserve(1).unwrap(), budget.reserve(1).unwrap());
        let claiming = thread::spawn({
            let budget = Arc::clone(&budget);
            move || claim(&budget, 1)
        });
        let releasing = thread::spawn(move || {
            drop(first);
            drop(second);
        });
        let own = claim(&budget, 1);
        let other = claiming.join().unwrap();
        releasing.join().unwrap();
        assert_eq!(budget.held(), 2);
        drop((own, other));
        assert_eq!(budget.held(), 0);
    });
}

#[test]
fn claim_that_is_given_up_passes_the_wake_to_the_next() {
    bounded(3, || {
        let budget = budget(2);
        let held = budget.reserve(2).unwrap();
        // This claim is the first in the queue, and it is not polled again.
        let mut first = Claim::new(&budget);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.poll_reserve(&mut cx, 1).is_pending());
        let claiming = thread::spawn({
            let budget = Arc::clone(&budget);
            move || claim(&budget, 1)
        });
        let releasing = thread::spawn(move || drop(held));
        drop(first);
        let got = claiming.join().unwrap();
        releasing.join().unwrap();
        assert_eq!((got.bytes(), budget.held()), (1, 1));
    });
}

#[test]
fn bytes_held_never_exceed_the_limit() {
    loom::model(|| {
        let budget = budget(2);
        let holding = thread::spawn({
            let budget = Arc::clone(&budget);
            move || {
                budget
                    .reserve(2)
                    .ok()
                    .map(|held| assert_eq!(held.bytes(), budget.held()))
            }
        });
        let own = budget.reserve(1).ok();
        assert!(budget.held() <= 2);
        let other = holding.join().unwrap();
        assert!(own.is_some() || other.is_some(), "one of them finds room");
    });
}
