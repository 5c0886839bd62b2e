//! What loom models replace: atomics, the slot for a waker, the clock and the scheduler.

#[cfg(loom)]
pub(crate) use self::model::{AtomicBool, AtomicU8, AtomicUsize, AtomicWaker, Instant, defer_wake};
#[cfg(not(loom))]
pub(crate) use self::real::{AtomicBool, AtomicU8, AtomicUsize, AtomicWaker, Instant, defer_wake};

#[cfg(not(loom))]
mod real {
    use std::future::Future;
    use std::pin::pin;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
    use std::task::Context;
    pub(crate) use std::time::Instant;

    pub(crate) use atomic_waker::AtomicWaker;

    /// Wakes a task after the other tasks of its thread had a chance to run.
    pub(crate) fn defer_wake(cx: &mut Context<'_>) {
        // Within a runtime, `yield_now` defers the wake until the scheduler has looked for other
        // work. A plain wake may put the task in front of the others.
        if pin!(tokio::task::yield_now()).poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(loom)]
mod model {
    use std::task::{Context, Waker};
    use std::time::Duration;

    use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};

    /// A slot for a waker with the signatures of the crate `atomic-waker`.
    ///
    /// It is a lock, because `register` and `wake` of that crate also behave as if one came after
    /// the other. Loom's own slot spins instead, which multiplies the interleavings.
    #[derive(Debug, Default)]
    pub(crate) struct AtomicWaker(Mutex<Option<Waker>>);

    impl AtomicWaker {
        pub(crate) fn register(&self, waker: &Waker) {
            let before = self.slot().replace(waker.clone());
            drop(before);
        }

        pub(crate) fn wake(&self) {
            let waker = self.slot().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }

        fn slot(&self) -> loom::sync::MutexGuard<'_, Option<Waker>> {
            self.0.lock().expect("a panic ends the model")
        }
    }

    /// A clock that does not advance: a model must not depend on how long anything takes.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Instant(Duration);

    impl Instant {
        pub(crate) fn now() -> Self {
            Self(Duration::ZERO)
        }

        pub(crate) fn elapsed(self) -> Duration {
            self.0
        }
    }

    pub(crate) fn defer_wake(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}
