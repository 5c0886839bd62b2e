//! Runs the calls of an HTTP/2 connection. Each call is first polled within the connection's own
//! task. A call that completes at once needs no task, and its response is sent together with the
//! responses of other calls.
//!
//! A call that has to wait continues in a task of its own. So do further calls after one that uses
//! the processor for long, because the connection has to go on reading. Calls of a method that has
//! blocked its thread before, on any connection, leave the connection's task before their handler
//! runs ([`slow_methods`](crate::slow_methods)).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::Executor;
use micro_wake::sync::{Mutex, MutexGuard};

use crate::slow_methods::{InlineCall, spawn_blocking_call};
use crate::stream_deadline::{self, Announced, Stalls, TimedCall};
use micro_wake::Repoller;

/// A call that uses the processor for longer than this makes the connection spawn further calls.
const SLOW_CALL: Duration = Duration::from_micros(200);

/// Maximum time that calls run in a row before the connection reads and sends again.
const MAX_INLINE_TIME: Duration = Duration::from_millis(1);

/// Number of calls that are spawned at once after a slow call.
const CAUTIOUS_CALLS: u32 = 256;

type CallFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Collects the calls that a connection has read, until [`InlineConnection`] runs them.
#[derive(Clone, Default)]
pub(super) struct InlineExecutor(Arc<Mutex<Vec<CallFuture>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InlineExecutor {
    fn execute(&self, future: F) {
        self.lock().push(Box::pin(future));
    }
}

impl InlineExecutor {
    fn lock(&self) -> MutexGuard<'_, Vec<CallFuture>> {
        self.0.lock()
    }
}

/// A connection together with the calls that it has read.
pub(super) struct InlineConnection<C> {
    connection: Pin<Box<C>>,
    calls: PendingCalls,
    /// Polls the connection again when a response wakes it, so that it sends the response.
    again: Repoller,
}

impl<C: Future> InlineConnection<C> {
    pub(super) fn new(
        connection: C,
        queue: InlineExecutor,
        stalls: Stalls,
        call: Arc<InlineCall>,
    ) -> Self {
        Self {
            connection: Box::pin(connection),
            calls: PendingCalls {
                queue,
                batch: Vec::new(),
                caution: 0,
                stalls,
                call,
            },
            again: Repoller::new(),
        }
    }

    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C: Future> Future for InlineConnection<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        this.again.poll(cx, |cx| {
            let ended = this.connection.as_mut().poll(cx);
            if ended.is_pending() {
                this.calls.run();
            }
            ended
        })
    }
}

/// Calls that have been read but not started.
struct PendingCalls {
    queue: InlineExecutor,
    /// The calls that run now. Kept to reuse its allocation.
    batch: Vec<CallFuture>,
    /// Number of further calls to spawn without polling them first.
    caution: u32,
    /// Timeout for responses that the client does not take.
    stalls: Stalls,
    /// The call that is being polled.
    call: Arc<InlineCall>,
}

impl PendingCalls {
    fn run(&mut self) {
        std::mem::swap(&mut *self.queue.lock(), &mut self.batch);
        if self.batch.is_empty() {
            return;
        }
        let start = Instant::now();
        let mut last = start;
        for mut call in self.batch.drain(..) {
            if self.caution > 0 || last - start > MAX_INLINE_TIME {
                self.caution = self.caution.saturating_sub(1);
                tokio::spawn(TimedCall::new(
                    call,
                    Announced::default(),
                    self.stalls.clone(),
                ));
                continue;
            }
            // This poll needs no waker: if the call is pending, its own task polls it again.
            let mut nobody = Context::from_waker(Waker::noop());
            let (polled, announced) = stream_deadline::poll(call.as_mut(), &mut nobody);
            if polled.is_pending() {
                let call = TimedCall::new(call, announced, self.stalls.clone());
                if self.call.take_leaves() {
                    spawn_blocking_call(call);
                } else {
                    tokio::spawn(call);
                }
            }
            let now = Instant::now();
            self.call.polled(now - last);
            if now - last > SLOW_CALL {
                self.caution = CAUTIOUS_CALLS;
            }
            last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use crate::slow_methods::SlowMethods;

    use micro_wake::{ByteBudget, Total};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    use tokio::task::{Id, id, yield_now};

    use super::*;

    /// A call of a test. It reports the task that it runs in, and wakes the connection.
    #[derive(Clone)]
    struct Probe {
        told: UnboundedSender<Id>,
        connection: Arc<Mutex<Waker>>,
    }

    impl Probe {
        fn tell(&self) {
            self.told.send(id()).unwrap();
        }

        fn wake(&self) {
            self.connection.lock().wake_by_ref();
        }
    }

    /// Runs a connection that reads these calls at its first poll and ends at its second.
    ///
    /// Returns how often the connection's task was polled, and for each report whether the call ran
    /// in that task.
    async fn run(calls: impl FnOnce(&Probe) -> Vec<CallFuture>) -> (usize, Vec<bool>) {
        let (told, mut heard) = unbounded_channel();
        let connection = Arc::new(Mutex::new(Waker::noop().clone()));
        let probe = Probe { told, connection };
        let mut calls = Some(calls(&probe));
        let send = ByteBudget::new(1, 0, &Total::new(1), (0, 0));
        let queue = InlineExecutor::default();
        let mut inline = InlineConnection::new(
            poll_fn({
                let queue = queue.clone();
                move |cx| {
                    *probe.connection.lock() = cx.waker().clone();
                    let Some(calls) = calls.take() else {
                        return Poll::Ready(());
                    };
                    for call in calls {
                        queue.execute(call);
                    }
                    Poll::Pending
                }
            }),
            queue,
            Stalls::new(Duration::MAX, &send),
            Arc::new(InlineCall::new(&SlowMethods::new(0))),
        );
        let task = tokio::spawn(async move {
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                Pin::new(&mut inline).poll(cx)
            })
            .await;
            (polls, id())
        });
        let (polls, own) = task.await.unwrap();
        let told = std::iter::from_fn(|| heard.try_recv().ok());
        (polls, told.map(|id| id == own).collect())
    }

    #[tokio::test]
    async fn ready_call_runs_in_the_connection_s_task_and_its_reply_leaves_at_once() {
        let (polls, own) = run(|probe| {
            let probe = probe.clone();
            vec![Box::pin(async move {
                probe.tell();
                probe.wake();
            })]
        })
        .await;
        assert_eq!((polls, own), (1, vec![true]));
    }

    #[tokio::test]
    async fn waiting_call_goes_on_in_a_task_of_its_own() {
        let (polls, own) = run(|probe| {
            let probe = probe.clone();
            vec![Box::pin(async move {
                probe.tell();
                yield_now().await;
                probe.tell();
                probe.wake();
            })]
        })
        .await;
        assert_eq!((polls, own), (2, vec![true, false]));
    }

    #[tokio::test]
    async fn calls_beside_a_slow_one_get_tasks_of_their_own() {
        let (_, own) = run(|probe| {
            let (slow, quick) = (probe.clone(), probe.clone());
            vec![
                Box::pin(async move {
                    slow.tell();
                    std::thread::sleep(SLOW_CALL * 2);
                }),
                Box::pin(async move {
                    quick.tell();
                    quick.wake();
                }),
            ]
        })
        .await;
        assert_eq!(own, [true, false]);
    }
}
