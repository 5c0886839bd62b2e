//! Ends streams whose deadline has passed, or that are idle for too long, while the client does not
//! read.
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

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::timeouts::Idle;
use micro_wake::{Again, unhurried};

/// How long a stream whose client reads has to end itself, with a status, after its deadline.
const MARGIN: Duration = Duration::from_millis(100);

thread_local! {
    /// Open while this thread polls a call of HTTP/2; holds what that call announces.
    static SLOT: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

/// What one poll of a call has announced.
type Slot = Option<StreamDeadline>;

/// When a stream has to be over.
#[derive(Debug)]
pub(super) struct StreamDeadline {
    deadline: Option<Instant>,
    idle: Idle,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Tells the task of the call that is being polled when its stream has to be over.
pub(super) fn announce(deadline: Option<Instant>, idle: &Idle) {
    if deadline.is_none() && idle.due().is_none() {
        return;
    }
    SLOT.with_borrow_mut(|slot| {
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
) -> (Poll<()>, Option<StreamDeadline>) {
    let outer = SLOT.replace(Some(None));
    let polled = call.poll(cx);
    let announced = SLOT.replace(outer);
    (polled, announced.flatten())
}

/// A call that is dropped when its stream has to be over.
pub(super) struct Timed {
    call: Pin<Box<dyn Future<Output = ()> + Send>>,
    deadline: Option<StreamDeadline>,
    /// HTTP/2 wakes a call that sends.
    again: Again,
}

impl Timed {
    pub(super) fn new(
        call: Pin<Box<dyn Future<Output = ()> + Send>>,
        deadline: Option<StreamDeadline>,
    ) -> Self {
        Self {
            call,
            deadline,
            again: Again::new(),
        }
    }
}

impl Future for Timed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let polled = this.again.poll(cx, |cx| {
            let (polled, announced) = poll(this.call.as_mut(), cx);
            if announced.is_some() {
                this.deadline = announced;
            }
            polled
        });
        match &mut this.deadline {
            Some(deadline) if polled.is_pending() => {
                ready!(deadline.poll(cx));
                tracing::debug!(
                    "stream reset: its deadline has passed and the client does not read"
                );
                Poll::Ready(())
            }
            _ => polled,
        }
    }
}

impl StreamDeadline {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.deadline.into_iter().chain(self.idle.due()).min();
            let Some(due) = due.map(|due| due + MARGIN) else {
                return Poll::Pending;
            };
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            ready!(unhurried(sleep.as_mut(), cx));
        }
    }
}
