//! `Session`: one stream to a process, and what is on it.
//!
//! Plain data behind a lock; waits for nothing but more to send.

use std::collections::{BTreeMap, HashMap};

use micro_wake::Held;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use super::wire::{Batch, DeliveryReport, Envelope};
use micro_broker::internal::Refusal;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_message::error::Error;

/// The most events of one message.
const MAX_BATCH_EVENTS: usize = 256;
/// The most bytes of one message that holds more than one event.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// The most events that a process may have taken and not handled.
const MAX_IN_FLIGHT: usize = 1 << 18;

/// One stream and what is on it. What is not sent yet is bounded by who waits for it; what was
/// taken, by the bytes that a link may hold for a subscriber, and by [`MAX_IN_FLIGHT`].
#[derive(Default)]
pub(super) struct Session {
    in_flight: Mutex<InFlight>,
    /// Told when there is something to send.
    more: Notify,
}

#[derive(Default)]
struct InFlight {
    number: u64,
    over: bool,
    /// Somebody gave up waiting for an answer, and nothing has been heard since.
    mute: bool,
    /// Events that are to be sent, by number.
    unsent: BTreeMap<u64, Envelope>,
    offers: HashMap<u64, oneshot::Sender<Result<(), Refusal>>>,
    settles: BTreeMap<u64, Owed>,
}

/// An event that is not handled yet: whom to tell, and the room that it takes.
pub(super) struct Owed {
    pub(super) settle: AckHandle,
    pub(super) _held: Held,
}

/// An event that was added: its number, and where it is told whether it was taken; or given back
/// because the session is over.
type AddResult = Result<(u64, oneshot::Receiver<Result<(), Refusal>>), Box<(Envelope, Owed)>>;

pub(super) fn gone(address: &str, why: &str) -> Refusal {
    Refusal::Gone(Error::unavailable(format!(
        "the process at {address} cannot be reached: {why}"
    )))
}

impl Session {
    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock()
    }

    /// Adds an event to what is to be sent; `Full` when too much is not handled.
    pub(super) fn add(
        &self,
        mut sent: Envelope,
        owed: Owed,
        address: &str,
    ) -> Result<AddResult, Refusal> {
        let mut in_flight = self.in_flight();
        if in_flight.over {
            return Ok(Err(Box::new((sent, owed))));
        }
        if in_flight.settles.len() >= MAX_IN_FLIGHT {
            drop(in_flight);
            return Err(Refusal::Full(Error::resource_exhausted(format!(
                "the process at {address} has {MAX_IN_FLIGHT} events that it has not handled"
            ))));
        }
        in_flight.number += 1;
        let number = in_flight.number;
        sent.number = number;
        let (told, answer) = oneshot::channel();
        in_flight.offers.insert(number, told);
        in_flight.settles.insert(number, owed);
        in_flight.unsent.insert(number, sent);
        drop(in_flight);
        self.more.notify_one();
        Ok(Ok((number, answer)))
    }

    /// What is to be sent next, if there is anything.
    pub(super) fn batch(&self) -> Option<Batch> {
        let mut in_flight = self.in_flight();
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.events.len() < MAX_BATCH_EVENTS
            && let Some(next) = in_flight.unsent.first_entry()
        {
            bytes += next.get().size();
            if bytes > MAX_BATCH_BYTES && !batch.events.is_empty() {
                break;
            }
            batch.events.push(next.remove());
        }
        (!batch.events.is_empty()).then_some(batch)
    }

    /// Waits until there may be something to send.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }

    /// Nobody waits for an event any more.
    pub(super) fn forget(&self, number: u64) {
        let mut in_flight = self.in_flight();
        let unsent = in_flight.unsent.remove(&number);
        in_flight.offers.remove(&number);
        let settle = in_flight.settles.remove(&number);
        drop(in_flight);
        drop((unsent, settle));
    }

    /// Somebody gave up waiting for an answer.
    pub(super) fn set_unresponsive(&self) {
        self.in_flight().mute = true;
    }

    /// Whether nothing was heard since somebody gave up waiting.
    pub(super) fn is_unresponsive(&self) -> bool {
        let in_flight = self.in_flight();
        in_flight.mute && !in_flight.over
    }

    /// What the process says of events.
    pub(super) fn receive_report(&self, address: &str, report: DeliveryReport) {
        let mut in_flight = self.in_flight();
        in_flight.mute = false;
        let mut told = Vec::new();
        for number in &report.taken {
            told.extend(in_flight.offers.remove(number).map(|offer| (offer, Ok(()))));
        }
        let mut settled = Vec::new();
        let outcomes = [
            (&report.handled, DeliveryOutcome::Handled),
            (&report.returned, DeliveryOutcome::Returned),
        ];
        for (numbers, outcome) in outcomes {
            for number in numbers {
                // It may be handled before it was said to be taken.
                told.extend(in_flight.offers.remove(number).map(|offer| (offer, Ok(()))));
                settled.extend(
                    in_flight
                        .settles
                        .remove(number)
                        .map(|settle| (settle, outcome)),
                );
            }
        }
        let mut dropped = Vec::new();
        for refused in report.refused {
            dropped.extend(in_flight.settles.remove(&refused.number));
            let refusal = if refused.full {
                Refusal::Full(Error::resource_exhausted(refused.reason))
            } else {
                gone(address, &refused.reason)
            };
            let offer = in_flight.offers.remove(&refused.number);
            told.extend(offer.map(|offer| (offer, Err(refusal))));
        }
        drop(in_flight);
        for (offer, answer) in told {
            let _ = offer.send(answer); // The publisher may have given up.
        }
        for (owed, outcome) in settled {
            owed.settle.complete(outcome);
        }
        drop(dropped);
    }

    /// Nothing more is sent: what is on its way goes back.
    pub(super) fn end(&self, why: &str) {
        let mut in_flight = self.in_flight();
        in_flight.over = true;
        let unsent = std::mem::take(&mut in_flight.unsent);
        let offers = std::mem::take(&mut in_flight.offers);
        let settles = std::mem::take(&mut in_flight.settles);
        drop(in_flight);
        drop(unsent);
        if !settles.is_empty() {
            tracing::info!(
                events = settles.len(),
                why,
                "events go back to their publisher"
            );
        }
        for offer in offers.into_values() {
            let refusal = Refusal::Gone(Error::unavailable(why.to_owned()));
            let _ = offer.send(Err(refusal)); // The publisher may have given up.
        }
        for (_, owed) in settles {
            owed.settle.complete(DeliveryOutcome::Returned);
        }
    }

    /// Ends it if nothing is on its way; whether it is over.
    pub(super) fn end_idle(&self) -> bool {
        let mut in_flight = self.in_flight();
        in_flight.over |= in_flight.settles.is_empty();
        in_flight.over
    }

    pub(super) fn is_over(&self) -> bool {
        self.in_flight().over
    }

    /// How much is unsent, unanswered and unsettled.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        let in_flight = self.in_flight();
        let (unsent, offers) = (in_flight.unsent.len(), in_flight.offers.len());
        (unsent, offers, in_flight.settles.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_broker::Event;
    use micro_wake::{ByteBudget, Total};

    fn sent(bytes: usize) -> Envelope {
        let event = Event::raw("a.b", "text/plain", vec![7; bytes]).unwrap();
        Envelope::new("x", &event, std::time::Duration::ZERO)
    }

    #[test]
    fn a_message_is_small_unless_its_only_event_is_not() {
        let session = Session::default();
        let budget = ByteBudget::new(1 << 30, 0, &Total::new(0), (0, 0));
        for bytes in [10, 1 << 19, 3 << 20, 10, 1 << 19, 1 << 19, 7] {
            let owed = Owed {
                settle: AckHandle::nobody(),
                _held: budget.reserve(bytes).unwrap(),
            };
            let added = session.add(sent(bytes), owed, "here");
            assert!(matches!(added, Ok(Ok(_))));
        }
        let counts = std::iter::from_fn(|| session.batch().map(|batch| batch.events.len()));
        assert_eq!(counts.collect::<Vec<_>>(), [2, 1, 2, 2]);
    }
}
