//! Ends streams that pass their deadline or idle timeout while the client does not read, and
//! responses of which the client takes nothing for `stall_timeout`.
//!
//! HTTP/2 polls a response body only when the client's flow-control window has room. If the client
//! stops reading, the body is not polled and cannot end itself. The task that runs the stream drops
//! it instead, which resets the stream. Over HTTP/1 the write timeout of the socket does the same.
//!
//! # How the task learns of the deadline
//!
//! ```text
//! task ── poll() ──▶ hyper's future of one stream ──▶ HttpService ──▶ response_stream::body
//!   ▲                  (opaque, output `()`)                              │ announce()
//!   └────────── a slot of the thread, for the time of the poll ◀──────────┘
//! ```
//!
//! The deadline is known once the method and its context are, deep within a future of hyper whose
//! type is private and whose output is `()`. It is passed through a thread-local slot that [`poll`]
//! opens and closes around each poll. Everything within a poll runs on one thread, so no other call
//! can write to the slot in between. These explicit ways were considered and rejected:
//!
//! - A handle in the response's extensions: hyper takes the response apart within its own future.
//! - A shared handle that is created with the future: it would exist before the method is known, so
//!   every unary call would pay an allocation that only streams need. Moreover hyper calls the
//!   service and the executor separately, so matching handles to futures would rely on the order of
//!   these calls.
//! - A slot in the connection's table of calls: the task would have to know the index of the call,
//!   and to take the connection's lock on every poll.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::timeouts::IdleTimer;
use micro_core::internal::deadline_after;
use micro_wake::{ByteBudget, Repoller, poll_unconstrained};

/// Time after the deadline in which a stream whose client reads can end itself with a status.
const STATUS_GRACE: Duration = Duration::from_millis(100);

thread_local! {
    /// Open while this thread polls a call over HTTP/2. Holds the deadline that the call announces.
    static ANNOUNCED: RefCell<Option<Slot>> = const { RefCell::new(None) };

    /// The last progress of the body of the call that is being polled.
    static PROGRESS: Cell<Option<Progress>> = const { Cell::new(None) };
}

/// The last progress of a body. HTTP/2 polls a body only when the client has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The body has returned bytes of a complete response, which the client has to take.
    Response,
    /// The body has returned a piece of a stream. A client may pause in the middle of a stream,
    /// unless memory is short.
    Piece,
    /// The body has nothing to send.
    Waits,
}

/// Reports the progress of a body to the task that polls its call.
pub(super) fn note(progress: Progress) {
    PROGRESS.set(Some(progress));
}

/// What a call has reported to its task during one poll.
#[derive(Debug, Default)]
pub(super) struct Announced {
    deadline: Option<StreamDeadline>,
    progress: Option<Progress>,
}

/// The deadline that a call has announced during one poll.
type Slot = Option<StreamDeadline>;

/// The time when a stream has to end.
#[derive(Debug)]
pub(super) struct StreamDeadline {
    deadline: Option<Instant>,
    idle: IdleTimer,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Reports to the task that polls the call when its stream has to end.
pub(super) fn announce(deadline: Option<Instant>, idle: &IdleTimer) {
    if deadline.is_none() && idle.due().is_none() {
        return;
    }
    ANNOUNCED.with_borrow_mut(|slot| {
        // The slot is closed over HTTP/1.
        if let Some(slot) = slot {
            *slot = Some(StreamDeadline {
                deadline,
                idle: idle.clone(),
                sleep: None,
            });
        }
    });
}

/// Polls a call and returns what it has reported meanwhile.
pub(super) fn poll(
    call: Pin<&mut (dyn Future<Output = ()> + Send)>,
    cx: &mut Context<'_>,
) -> (Poll<()>, Announced) {
    let outer = (ANNOUNCED.replace(Some(None)), PROGRESS.take());
    let polled = call.poll(cx);
    let announced = Announced {
        deadline: ANNOUNCED.replace(outer.0).flatten(),
        progress: PROGRESS.replace(outer.1),
    };
    (polled, announced)
}

/// Timeout for responses of which the client takes nothing.
#[derive(Debug, Clone)]
pub(super) struct Stalls {
    timeout: Duration,
    send: Arc<ByteBudget>,
}

impl Stalls {
    pub(super) fn new(timeout: Duration, send: &Arc<ByteBudget>) -> Self {
        let send = Arc::clone(send);
        Self { timeout, send }
    }
}

/// A call that is dropped when its stream has to end.
pub(super) struct TimedCall {
    call: Pin<Box<dyn Future<Output = ()> + Send>>,
    deadline: Option<StreamDeadline>,
    stalls: Stalls,
    /// The last progress of the body, and the time when the client will have taken nothing for too
    /// long.
    held: Option<(Progress, Instant)>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Polls the call again when HTTP/2 wakes it because it sends.
    again: Repoller,
}

impl TimedCall {
    pub(super) fn new(
        call: Pin<Box<dyn Future<Output = ()> + Send>>,
        announced: Announced,
        stalls: Stalls,
    ) -> Self {
        let mut timed = Self {
            call,
            deadline: None,
            stalls,
            held: None,
            sleep: None,
            again: Repoller::new(),
        };
        timed.hear(announced);
        timed
    }

    fn hear(&mut self, announced: Announced) {
        if announced.deadline.is_some() {
            self.deadline = announced.deadline;
        }
        match announced.progress {
            None => {}
            Some(Progress::Waits) => self.held = None,
            Some(progress) => {
                self.held = Some((
                    progress,
                    deadline_after(Instant::now(), self.stalls.timeout),
                ));
            }
        }
    }

    /// Resolves when the client has taken nothing for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((progress, due)) = &mut self.held {
            if *due <= Instant::now() {
                if *progress == Progress::Response || self.stalls.send.is_tight() {
                    return Poll::Ready(());
                }
                *due = deadline_after(Instant::now(), self.stalls.timeout);
            }
            ready!(wait(&mut self.sleep, *due, cx));
        }
        Poll::Pending
    }
}

impl Future for TimedCall {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut heard = Announced::default();
        let polled = this.again.poll(cx, |cx| {
            let (polled, announced) = poll(this.call.as_mut(), cx);
            heard = Announced {
                deadline: announced.deadline.or(heard.deadline.take()),
                progress: announced.progress.or(heard.progress),
            };
            polled
        });
        if polled.is_ready() {
            return polled;
        }
        this.hear(heard);
        if this.poll_stalled(cx).is_ready() {
            tracing::debug!("stream reset: the client takes nothing of the response");
            return Poll::Ready(());
        }
        let Some(deadline) = &mut this.deadline else {
            return Poll::Pending;
        };
        ready!(deadline.poll(cx));
        tracing::debug!("stream reset: its deadline has passed and the client does not read");
        Poll::Ready(())
    }
}

/// Waits until `due`. All waits share one timer.
fn wait(sleep: &mut Option<Pin<Box<Sleep>>>, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
    if sleep.deadline() != due {
        sleep.as_mut().reset(due);
    }
    poll_unconstrained(sleep.as_mut(), cx)
}

impl StreamDeadline {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.deadline.into_iter().chain(self.idle.due()).min();
            let Some(due) = due.map(|due| due + STATUS_GRACE) else {
                return Poll::Pending;
            };
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            ready!(wait(&mut self.sleep, due, cx));
        }
    }
}
