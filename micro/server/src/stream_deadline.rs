//! Ends streams whose deadline has passed, or that are idle for too long, while the client does not
//! read, and responses of which the client takes nothing for `stall_timeout`.
//!
//! HTTP/2 asks a response for more only when the client has room for it, so a stream whose client
//! has stopped reading is not polled and cannot end itself: the task that it runs in drops it,
//! which resets it. Over HTTP/1 the write timeout of the socket does the same.
//!
//! # How the task learns of the deadline
//!
//! ```text
//! task ── poll() ──▶ hyper's future of one stream ──▶ our service ──▶ messages::body
//!   ▲                  (opaque, output `()`)                              │ announce()
//!   └──────────────── a slot of the thread, for the time of the poll ◀────┘
//! ```
//!
//! The deadline is known once the method and its context are, deep within a future of hyper whose
//! type is private and whose output is `()`. It is passed by a thread-local slot that [`poll`]
//! opens and closes around each poll: whatever runs within a poll runs on its thread, so no other
//! call can be in between. Explicit ways were weighed:
//!
//! - A handle in the response's extensions: hyper takes the response apart within its own future.
//! - A shared handle that is made with the future: known before the method is, so that each unary
//!   call would pay an allocation for what only streams have; and as service and executor are
//!   called apart by hyper, they would have to rely on the order in which it does that, to tell
//!   which handle belongs to which future.
//! - A slot in the connection's table of calls: the task would have to know the call's number, and
//!   to take the connection's lock whenever it is polled.

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

/// How long a stream whose client reads has to end itself, with a status, after its deadline.
const STATUS_GRACE: Duration = Duration::from_millis(100);

thread_local! {
    /// Open while this thread polls a call of HTTP/2; holds what that call announces.
    static ANNOUNCED: RefCell<Option<Slot>> = const { RefCell::new(None) };

    /// What the body of the call that is being polled did last.
    static PROGRESS: Cell<Option<Progress>> = const { Cell::new(None) };
}

/// What a body did last: HTTP/2 asks it for more only when the client has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has handed out bytes of a whole response: the client is to take them.
    Response,
    /// It has handed out a piece of a stream. A client may rest in the middle of a stream, unless
    /// memory is short.
    Piece,
    /// It has nothing to send.
    Waits,
}

/// Tells the task of the call that is being polled what its body does.
pub(super) fn note(progress: Progress) {
    PROGRESS.set(Some(progress));
}

/// What one poll of a call has told its task.
#[derive(Debug, Default)]
pub(super) struct Announced {
    deadline: Option<StreamDeadline>,
    progress: Option<Progress>,
}

/// What one poll of a call has announced.
type Slot = Option<StreamDeadline>;

/// When a stream has to be over.
#[derive(Debug)]
pub(super) struct StreamDeadline {
    deadline: Option<Instant>,
    idle: IdleTimer,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Tells the task of the call that is being polled when its stream has to be over.
pub(super) fn announce(deadline: Option<Instant>, idle: &IdleTimer) {
    if deadline.is_none() && idle.due().is_none() {
        return;
    }
    ANNOUNCED.with_borrow_mut(|slot| {
        // It is closed over HTTP/1.
        if let Some(slot) = slot {
            *slot = Some(StreamDeadline {
                deadline,
                idle: idle.clone(),
                sleep: None,
            });
        }
    });
}

/// Polls a call; with what it has announced meanwhile.
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

/// When a response whose client takes nothing of it ends.
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

/// A call that is dropped when its stream has to be over.
pub(super) struct TimedCall {
    call: Pin<Box<dyn Future<Output = ()> + Send>>,
    deadline: Option<StreamDeadline>,
    stalls: Stalls,
    /// What the body did last, and when the client will have taken nothing for too long.
    held: Option<(Progress, Instant)>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// HTTP/2 wakes a call that sends.
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

/// Waits for a moment, with one timer for all of them.
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
