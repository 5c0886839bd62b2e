//! Ends streams whose time is over while nobody reads them.
//!
//! HTTP/2 asks a reply for more only when its reader has room, so a stream whose reader has
//! stopped cannot end itself: the task that it runs in does, and resets it. Over HTTP/1 the socket
//! itself tells that nobody reads.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::idle::Idle;
use micro_wake::{Again, unhurried};

/// How long a stream that is read has to say itself that its time is over.
const MARGIN: Duration = Duration::from_millis(100);

thread_local! {
    /// What the call that this thread polls now has announced.
    static ANNOUNCED: RefCell<Option<Overtime>> = const { RefCell::new(None) };
}

/// When a stream has to be over.
#[derive(Debug)]
pub(super) struct Overtime {
    deadline: Option<Instant>,
    idle: Idle,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Says of the call that is being polled when its stream has to be over.
pub(super) fn announce(deadline: Option<Instant>, idle: &Idle) {
    if deadline.is_none() && idle.due().is_none() {
        return;
    }
    let overtime = Overtime {
        deadline,
        idle: idle.clone(),
        sleep: None,
    };
    ANNOUNCED.set(Some(overtime));
}

/// Polls a call; what it has announced meanwhile.
pub(super) fn poll(
    call: Pin<&mut (dyn Future<Output = ()> + Send)>,
    cx: &mut Context<'_>,
) -> (Poll<()>, Option<Overtime>) {
    ANNOUNCED.take();
    let polled = call.poll(cx);
    (polled, ANNOUNCED.take())
}

/// A call that is dropped when its stream is over its time.
pub(super) struct Timed {
    call: Pin<Box<dyn Future<Output = ()> + Send>>,
    overtime: Option<Overtime>,
    /// HTTP/2 wakes a call that sends.
    again: Again,
}

impl Timed {
    pub(super) fn new(
        call: Pin<Box<dyn Future<Output = ()> + Send>>,
        overtime: Option<Overtime>,
    ) -> Self {
        Self {
            call,
            overtime,
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
                this.overtime = announced;
            }
            polled
        });
        match &mut this.overtime {
            Some(overtime) if polled.is_pending() => {
                ready!(overtime.poll(cx));
                tracing::debug!("stream reset: its time is over and nobody reads it");
                Poll::Ready(())
            }
            _ => polled,
        }
    }
}

impl Overtime {
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
