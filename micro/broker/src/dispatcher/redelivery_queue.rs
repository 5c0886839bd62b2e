//! What members gave back: delivered again, target by target, in the order in which it came.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::{Dispatcher, REDELIVERY_TIMEOUT, Target};
use crate::dead_letter::DeadLetter;
use crate::record::Event;

/// How often an event is given to members that end before they have handled it.
const MAX_REDELIVERIES: u32 = 16;

/// Events to be delivered again. Bounded by what members have room for: each was taken by one.
#[derive(Default)]
pub(super) struct RedeliveryQueue(HashMap<Target, VecDeque<Event>>);

impl RedeliveryQueue {
    /// Adds an event; whether it is the first of its target, which then needs someone to run.
    pub(super) fn add(&mut self, target: &Target, event: Event) -> bool {
        if let Some(waiting) = self.0.get_mut(target) {
            waiting.push_back(event);
            return false;
        }
        self.0.insert(target.clone(), VecDeque::from([event]));
        true
    }

    /// The next event of a target; with the last one the target is gone.
    fn next(&mut self, target: &Target) -> Option<Event> {
        let next = self.0.get_mut(target)?.pop_front();
        if next.is_none() {
            self.0.remove(target);
        }
        next
    }
}

/// Delivers what waits for a target until nothing does.
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
        // Counted while it waits: between two tickets it would not be.
        let waiting = self.ticket(target, &event);
        let reason = if event.redelivered > MAX_REDELIVERIES {
            format!("{MAX_REDELIVERIES} members ended before they had handled it")
        } else {
            let deadline = Instant::now() + REDELIVERY_TIMEOUT;
            let delivered = self.deliver((target.clone(), None), Arc::clone(&event), deadline);
            match delivered.await {
                // It was somebody's once: that everybody has ended is a reason to keep it.
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
