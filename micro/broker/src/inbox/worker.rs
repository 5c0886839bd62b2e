//! Worker of an inbox: handles one event after another and retries failed events.
//!
//! A failed event whose order matters blocks the events behind it until it is handled.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Shared;
use super::keyed_queues::QueuedEvent;
use crate::ack_handle::DeliveryOutcome;
use crate::attempt::attempt;
use crate::dead_letter::DeadLetter;
use crate::delivery::AckKind;
use micro_core::internal::deadline_after;

/// Handles events until the inbox closes.
pub(super) async fn work(shared: Arc<Shared>, worker: usize) {
    while let Some(item) = shared.next(worker).await {
        shared.attend(item).await;
    }
}

impl Shared {
    /// Waits for the next event. Returns `None` when the inbox closes.
    async fn next(&self, worker: usize) -> Option<QueuedEvent> {
        loop {
            if self.closing.is_cancelled() {
                return None;
            }
            let (item, free, due) = {
                let mut lanes = self.lanes();
                if lanes.promote_due() {
                    // The due events may belong to the queues of other workers.
                    self.wakes.iter().for_each(tokio::sync::Notify::notify_one);
                }
                let item = lanes.take(worker);
                (item, lanes.has_free(), lanes.next_due())
            };
            if item.is_some() {
                // Other workers must wake for the remaining unordered events and for the next due
                // time.
                if free || due.is_some() {
                    self.free.notify_one();
                }
                return item;
            }
            let later = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wakes[worker].notified() => {}
                () = self.free.notified() => {}
                () = self.closing.cancelled() => {}
                () = later => {}
            }
        }
    }

    /// Retries an event until it is handled, dead-lettered or postponed.
    async fn attend(&self, mut item: QueuedEvent) {
        loop {
            item.attempts += 1;
            let attempt = attempt(&self.run, &self.options, &item.event, item.attempts).await;
            let pause = match attempt.verdict {
                AckKind::Ack => return self.settle(item),
                AckKind::DeadLetter(reason) => {
                    self.dead_letter(&item, reason).await;
                    return self.settle(item);
                }
                AckKind::Nack { after, reason } => {
                    let reason = (!attempt.is_logged).then_some(&*reason);
                    warn(&item, after, reason);
                    after
                }
            };
            if item.lane.is_none() {
                self.lanes()
                    .postpone(item, deadline_after(Instant::now(), pause));
                self.free.notify_one();
                if self.closing.is_cancelled() {
                    // The inbox returned its queued events before this one was postponed.
                    let waiting = self.lanes().clear();
                    for item in waiting {
                        self.give_back(item);
                    }
                }
                return;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.closing.cancelled() => return self.give_back(item),
            }
        }
    }

    async fn dead_letter(&self, item: &QueuedEvent, reason: String) {
        let letter = DeadLetter {
            event: (*item.event).clone(),
            subscriber: match self.options.name.as_str() {
                "" => self.pattern.to_string(),
                name => name.to_owned(),
            },
            reason,
            attempts: item.attempts.saturating_add(item.event.redelivered),
        };
        (self.dead_letter)(letter, self.options.dead_letter.clone()).await;
    }

    fn settle(&self, item: QueuedEvent) {
        let others = self.lanes().ids().finish(&item.id);
        item.settle.complete(DeliveryOutcome::Handled);
        for other in others {
            other.complete(DeliveryOutcome::Handled);
        }
        self.gone();
    }
}

/// Logs the retry. `reason` is `None` if the access log has it.
fn warn(item: &QueuedEvent, pause: Duration, reason: Option<&str>) {
    tracing::warn!(
        topic = &*item.event.topic,
        id = &*item.event.id,
        attempt = item.attempts,
        ?pause,
        reason,
        "event to be tried again"
    );
}
