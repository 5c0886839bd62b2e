//! Queue of returned events. They are redelivered in the order of their return, per target.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::{Dispatcher, REDELIVERY_TIMEOUT, Target};
use crate::dead_letter::DeadLetter;
use crate::record::Event;

/// Maximum number of redeliveries of an event whose members end before they have handled it.
const MAX_REDELIVERIES: u32 = 16;

/// Events to be redelivered. The capacities of the members bound this queue, because a member had
/// accepted each event.
#[derive(Default)]
pub(super) struct RedeliveryQueue(HashMap<Target, VecDeque<Event>>);

impl RedeliveryQueue {
    /// Adds an event. Returns whether the target had no queued events, so that the caller must
    /// start [`run`].
    pub(super) fn add(&mut self, target: &Target, event: Event) -> bool {
        if let Some(waiting) = self.0.get_mut(target) {
            waiting.push_back(event);
            return false;
        }
        self.0.insert(target.clone(), VecDeque::from([event]));
        true
    }

    /// Removes the next event of a target. If there is none, the target's entry is removed.
    fn next(&mut self, target: &Target) -> Option<Event> {
        let next = self.0.get_mut(target)?.pop_front();
        if next.is_none() {
            self.0.remove(target);
        }
        next
    }
}

/// Redelivers the queued events of a target until none is left.
pub(super) async fn run(dispatcher: Weak<Dispatcher>, target: Target) {
    while let Some(dispatcher) = dispatcher.upgrade() {
        let next = dispatcher.again.lock().next(&target);
        let Some(event) = next else { return };
        dispatcher.redeliver(&target, event).await;
    }
}

impl Dispatcher {
    async fn redeliver(&self, target: &Target, event: Event) {
        let event = Arc::new(event);
        let (topic, id) = (&*event.topic, &*event.id);
        // This ticket counts the event as pending until the next one is issued, so that `flush`
        // does not miss it.
        let waiting = self.ticket(target, &event);
        let reason = if event.redelivered > MAX_REDELIVERIES {
            format!("{MAX_REDELIVERIES} members ended before they had handled it")
        } else {
            let deadline = Instant::now() + REDELIVERY_TIMEOUT;
            let delivered = self.deliver((target.clone(), None), Arc::clone(&event), deadline);
            match delivered.await {
                // The event had been accepted by a subscriber. It becomes a dead letter although
                // the topic now has no subscriber.
                Ok(false) => "its last subscriber has ended".to_owned(),
                Ok(true) => {
                    tracing::info!(topic, id, %target, "delivered again");
                    drop(waiting);
                    return;
                }
                Err(error) => error.chain(),
            }
        };
        let letter = DeadLetter {
            subscriber: target.to_string(),
            reason,
            attempts: event.redelivered,
            event: (*event).clone(),
        };
        match self.dead.get() {
            Some(keep) => keep(letter),
            None => tracing::error!(topic, id, %target, letter.reason, "event not delivered"),
        }
        drop(waiting);
    }
}
