//! `PendingDelivery`: one event on its way to one target, from the offer to its settlement.
//!
//! A member may settle an event before the offer has returned; the ticket keeps both in order.

use std::sync::{Arc, Weak};

use super::{Dispatcher, Target};
use crate::ack_handle::{AckHandle, DeliveryOutcome};
use crate::record::Event;
use micro_wake::sync::Mutex;

/// One event on its way to one target. Counted as pending while it lives.
pub(super) struct PendingDelivery {
    dispatcher: Weak<Dispatcher>,
    target: Target,
    event: Arc<Event>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// On its way to a member.
    Offered,
    /// A member has it: what it gives back is delivered again.
    Taken,
    /// A member settled it before the offer returned.
    Early(DeliveryOutcome),
    /// Nothing more happens to it.
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

    /// What the member tells the outcome to.
    pub(super) fn settle(self: &Arc<Self>) -> AckHandle {
        let ticket = Arc::clone(self);
        AckHandle::new(move |outcome| ticket.settled(outcome))
    }

    /// The offer has returned: the member has the event.
    pub(super) fn taken(&self) {
        let early = self.change(|state| match state {
            State::Offered => State::Taken,
            _ => State::Over,
        });
        if early == State::Early(DeliveryOutcome::Returned) {
            self.again();
        }
    }

    /// The offer was refused: whatever the member tells does not count.
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

    /// Changes the state; gives the one before.
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
