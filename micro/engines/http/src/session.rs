//! [`Session`]: the events in flight on one stream to a process.
//!
//! This is plain data behind a lock. Only [`Session::more`] waits.

use std::collections::{BTreeMap, HashMap};

use micro_wake::Held;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use super::wire::{Batch, DeliveryReport, Envelope};
use micro_broker::internal::Refusal;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_message::error::Error;

/// Maximum number of events in one message.
const MAX_BATCH_EVENTS: usize = 256;
/// Maximum size in bytes of a message with more than one event.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Maximum number of unhandled events per process.
const MAX_IN_FLIGHT: usize = 1 << 18;

/// The events in flight on one stream. The number of waiting publishers bounds the unsent events.
/// The byte budget per subscriber and [`MAX_IN_FLIGHT`] bound the taken events.
#[derive(Default)]
pub(super) struct Session {
    in_flight: Mutex<InFlight>,
    /// Notified when there is something to send.
    more: Notify,
}

#[derive(Default)]
struct InFlight {
    number: u64,
    over: bool,
    /// Whether an offer timed out and nothing has been received since.
    mute: bool,
    /// Events to be sent, by number.
    unsent: BTreeMap<u64, Envelope>,
    offers: HashMap<u64, oneshot::Sender<Result<(), Refusal>>>,
    settles: BTreeMap<u64, Owed>,
}

/// An event without an outcome: its sender's handle, and the bytes that it occupies.
pub(super) struct Owed {
    pub(super) settle: AckHandle,
    pub(super) _held: Held,
}

/// Result of adding an event: its number and the receiver of the response, or the event itself if
/// the session has ended.
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

    /// Queues an event for sending. Fails with [`Refusal::Full`] if too many events are unhandled.
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

    /// Removes the next batch of events to send, if there are any.
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

    /// Removes an event whose publisher has stopped waiting.
    pub(super) fn forget(&self, number: u64) {
        let mut in_flight = self.in_flight();
        let unsent = in_flight.unsent.remove(&number);
        in_flight.offers.remove(&number);
        let settle = in_flight.settles.remove(&number);
        drop(in_flight);
        drop((unsent, settle));
    }

    /// Called when an offer timed out.
    pub(super) fn set_unresponsive(&self) {
        self.in_flight().mute = true;
    }

    /// Returns whether nothing has been received since an offer timed out.
    pub(super) fn is_unresponsive(&self) -> bool {
        let in_flight = self.in_flight();
        in_flight.mute && !in_flight.over
    }

    /// Applies a delivery report of the process.
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
                // An event may be reported as handled before it is reported as taken.
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

    /// Ends the session. Offers fail, and unhandled events are returned.
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

    /// Ends the session if no event is in flight. Returns whether the session has ended.
    pub(super) fn end_idle(&self) -> bool {
        let mut in_flight = self.in_flight();
        in_flight.over |= in_flight.settles.is_empty();
        in_flight.over
    }

    pub(super) fn is_over(&self) -> bool {
        self.in_flight().over
    }

    /// Returns the numbers of unsent, unanswered and unhandled events.
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
