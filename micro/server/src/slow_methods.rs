//! Remembers which methods block their thread, so that their calls do not run within the task of a
//! connection.
//!
//! A call is first polled within its connection's task ([`inline`](crate::inline)). A method that
//! blocks its thread there, for example on a database without an async driver, delays all calls of
//! that connection. It also delays all other connections unless the program uses `micro::run!`,
//! whose runtime watches for this: the worker that is blocked is the one that watches the sockets,
//! and tokio wakes no other worker unless tasks are spawned.
//!
//! A method that has done this once is marked. Further calls of it, on any connection, leave the
//! connection's task before their handler runs, and another worker is woken. A mark decays: it ends
//! after [`MARK`] calls in a row that did not block.
//!
//! A call within the connection's task pays one relaxed load of its method's mark, one relaxed store
//! of its index, and a comparison of wakers. The polls of calls in their own tasks are timed.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A handler that uses its thread for longer than this at a time counts as blocking. A thread that
/// shares its core with another busy one stands still for 3 to 4 ms at a time. That must not count,
/// because the calls of a marked method cost more.
const BLOCKING_POLL: Duration = Duration::from_millis(10);

/// Number of calls in a row that must not block until a method counts as quick again.
const MARK: u32 = 256;

/// No call is being polled, or the call's method is not known yet.
const NO_METHOD: usize = usize::MAX;

/// The marks of a server's methods, by the index of their routes.
#[derive(Debug)]
pub(super) struct SlowMethods(Box<[AtomicU32]>);

impl SlowMethods {
    /// Creates the marks of a router with this many routes.
    pub(super) fn new(routes: usize) -> Arc<Self> {
        Arc::new(Self((0..routes).map(|_| AtomicU32::new(0)).collect()))
    }

    // The marks are independent counters that guard no other data, and a lost update costs at most
    // one call in the wrong task. So the order is relaxed.

    fn is_marked(&self, method: usize) -> bool {
        let mark = self.0.get(method);
        mark.is_some_and(|mark| mark.load(Ordering::Relaxed) > 0)
    }

    fn mark(&self, method: usize) {
        if let Some(mark) = self.0.get(method) {
            mark.store(MARK, Ordering::Relaxed);
        }
    }

    fn decay(&self, method: usize) {
        if let Some(mark) = self.0.get(method) {
            let decayed = mark.load(Ordering::Relaxed).saturating_sub(1);
            mark.store(decayed, Ordering::Relaxed);
        }
    }
}

/// The call that a connection's task is polling.
#[derive(Debug)]
pub(super) struct InlineCall {
    methods: Arc<SlowMethods>,
    /// Index of the method, or [`NO_METHOD`].
    method: AtomicUsize,
    /// Whether the call has to leave the connection's task.
    leaves: AtomicBool,
}

impl InlineCall {
    pub(super) fn new(methods: &Arc<SlowMethods>) -> Self {
        Self {
            methods: Arc::clone(methods),
            method: AtomicUsize::new(NO_METHOD),
            leaves: AtomicBool::new(false),
        }
    }

    /// Runs a handler. The handler of a marked method does not run within the connection's task, and
    /// another worker is woken before.
    pub(super) async fn run<F: Future>(
        &self,
        method: usize,
        mut handler: Pin<&mut F>,
    ) -> F::Output {
        let is_marked = self.methods.is_marked(method);
        if is_marked && !self.leave().await {
            wake_worker();
        }
        let mut blocked = false;
        let output = poll_fn(|cx| {
            if is_inline(cx) {
                // The connection's task measures its own polls.
                self.method.store(method, Ordering::Relaxed);
                return handler.as_mut().poll(cx);
            }
            let start = Instant::now();
            let polled = handler.as_mut().poll(cx);
            blocked |= start.elapsed() > BLOCKING_POLL;
            polled
        })
        .await;
        if blocked {
            self.methods.mark(method);
        } else if is_marked {
            self.methods.decay(method);
        }
        output
    }

    /// Leaves the connection's task, which then spawns the call. Returns whether the call was in
    /// that task.
    async fn leave(&self) -> bool {
        let mut left = false;
        poll_fn(|cx| {
            if is_inline(cx) {
                left = true;
                self.leaves.store(true, Ordering::Relaxed);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        left
    }

    /// Records how long a poll of a call took within the connection's task.
    pub(super) fn polled(&self, time: Duration) {
        if time > BLOCKING_POLL {
            self.methods.mark(self.method.load(Ordering::Relaxed));
        }
        self.method.store(NO_METHOD, Ordering::Relaxed);
    }

    /// Whether the call that was polled left the connection's task because of its method.
    pub(super) fn take_leaves(&self) -> bool {
        self.leaves.load(Ordering::Relaxed) && self.leaves.swap(false, Ordering::Relaxed)
    }
}

/// Whether a call is polled within its connection's task. Only that task polls without a waker.
fn is_inline(cx: &Context<'_>) -> bool {
    cx.waker().will_wake(Waker::noop())
}

/// Spawns a call that may block its thread, so that another worker goes on watching the sockets.
pub(super) fn spawn_blocking_call(call: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(call);
    tokio::spawn(async {});
}

/// Wakes an idle worker of the runtime.
///
/// Tokio runs the task that was spawned last on the same worker, and wakes no other worker for it.
/// A second task makes the first one available to other workers, and wakes one.
fn wake_worker() {
    tokio::spawn(async {});
    tokio::spawn(async {});
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll_inline<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn block() {
        std::thread::sleep(2 * BLOCKING_POLL);
    }

    #[tokio::test]
    async fn handler_of_a_marked_method_runs_in_a_task_until_its_calls_are_quick() {
        let methods = SlowMethods::new(2);
        let call = InlineCall::new(&methods);
        let handler = pin!(async { block() });
        assert!(poll_inline(pin!(call.run(1, handler))).is_ready());
        call.polled(2 * BLOCKING_POLL);
        // Another connection has the same marks.
        let other = InlineCall::new(&methods);
        for _ in 0..MARK {
            let handler = pin!(async {});
            let mut run = pin!(other.run(1, handler));
            assert!(poll_inline(run.as_mut()).is_pending());
            assert!(other.take_leaves() && !other.take_leaves());
            run.await;
        }
        let handler = pin!(async {});
        assert!(poll_inline(pin!(other.run(1, handler))).is_ready());
        assert!(!other.take_leaves());
    }

    #[tokio::test]
    async fn call_that_blocks_in_its_own_task_renews_the_mark() {
        let methods = SlowMethods::new(1);
        let call = InlineCall::new(&methods);
        methods.mark(0);
        for _ in 0..MARK - 1 {
            call.run(0, pin!(async {})).await;
        }
        call.run(0, pin!(async { block() })).await;
        for _ in 0..MARK - 1 {
            call.run(0, pin!(async {})).await;
        }
        assert!(methods.is_marked(0));
        call.run(0, pin!(async {})).await;
        assert!(!methods.is_marked(0));
    }

    #[test]
    fn other_methods_and_short_polls_are_not_marked() {
        let methods = SlowMethods::new(2);
        let call = InlineCall::new(&methods);
        let handler = pin!(async {});
        assert!(poll_inline(pin!(call.run(0, handler))).is_ready());
        call.polled(BLOCKING_POLL / 2);
        // A poll that reached no method.
        call.polled(2 * BLOCKING_POLL);
        assert!(!methods.is_marked(0) && !methods.is_marked(1));
    }
}
