//! [`PendingDelivery`]: one delivery to one target, from the offer to the outcome.
//!
//! A member may report the outcome before the offer has returned. The state machine handles both
//! orders.

use std::sync::{Arc, Weak};

use super::{Dispatcher, Target};
use crate::ack_handle::{AckHandle, DeliveryOutcome};
use crate::record::Event;
use micro_wake::sync::Mutex;

/// One delivery to one target. It counts as pending until it is dropped.
pub(super) struct PendingDelivery {
    dispatcher: Weak<Dispatcher>,
    target: Target,
    event: Arc<Event>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The event is being offered to a member.
    Offered,
    /// A member has accepted the event. If the member returns it, the event is redelivered.
    Taken,
    /// A member reported the outcome before the offer returned.
    Early(DeliveryOutcome),
    /// The delivery is finished.
    Over,
}

impl PendingDelivery {
    pub(super) fn new(dispatcher: Weak<Dispatcher>, target: Target, event: Arc<Event>) -> Self {
        Self {
            dispatcher,
            target,
            event,
            state: Mutex::new(State::Offered),
        }
    }

    /// Creates the handle through which the member reports the outcome.
    pub(super) fn settle(self: &Arc<Self>) -> AckHandle {
        let ticket = Arc::clone(self);
        AckHandle::new(move |outcome| ticket.settled(outcome))
    }

    /// Called when the offer has returned: the member has accepted the event.
    pub(super) fn taken(&self) {
        let early = self.change(|state| match state {
            State::Offered => State::Taken,
            _ => State::Over,
        });
        if early == State::Early(DeliveryOutcome::Returned) {
            self.again();
        }
    }

    /// Called when the offer was refused. An outcome reported by the member is ignored.
    pub(super) fn refused(&self) {
        self.change(|_| State::Over);
    }

    fn settled(&self, outcome: DeliveryOutcome) {
        let before = self.change(|state| match state {
            State::Offered => State::Early(outcome),
            _ => State::Over,
        });
        if before == State::Taken && outcome == DeliveryOutcome::Returned {
            self.again();
        }
    }

    fn again(&self) {
        if let Some(dispatcher) = self.dispatcher.upgrade() {
            dispatcher.give_back(self.target.clone(), &self.event);
        }
    }

    /// Changes the state and returns the previous state.
    fn change(&self, next: impl FnOnce(State) -> State) -> State {
        let mut state = self.state.lock();
        let before = *state;
        *state = next(before);
        before
    }
}

impl Drop for PendingDelivery {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.upgrade() {
            dispatcher.done();
        }
    }
}
