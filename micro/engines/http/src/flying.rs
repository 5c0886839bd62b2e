//! `Session`: one stream to a process, and what is on it.
//!
//! Plain data behind a lock; waits for nothing but more to send.

use std::collections::{BTreeMap, HashMap};

use micro_wake::Held;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use super::wire::{Batch, Sent, Words};
use micro_broker::internal::Refusal;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_message::error::Error;

/// The most events of one message.
const BATCH: usize = 256;
/// The most bytes of one message that holds more than one event.
const BYTES: usize = 1 << 20;
/// The most events that a process may have taken and not handled.
const MOST: usize = 1 << 18;

/// One stream and what is on it. What is not sent yet is bounded by who waits for it; what was
/// taken, by the bytes that a link may hold for a subscriber, and by [`MOST`].
#[derive(Default)]
pub(super) struct Session {
    flying: Mutex<Flying>,
    /// Told when there is something to send.
    more: Notify,
}

#[derive(Default)]
struct Flying {
    number: u64,
    over: bool,
    /// Somebody gave up waiting for an answer, and nothing has been heard since.
    mute: bool,
    /// Events that are to be sent, by number.
    unsent: BTreeMap<u64, Sent>,
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
type Added = Result<(u64, oneshot::Receiver<Result<(), Refusal>>), Box<(Sent, Owed)>>;

pub(super) fn gone(address: &str, why: &str) -> Refusal {
    Refusal::Gone(Error::unavailable(format!(
        "the process at {address} cannot be reached: {why}"
    )))
}

impl Session {
    fn flying(&self) -> MutexGuard<'_, Flying> {
        self.flying.lock()
    }

    /// Adds an event to what is to be sent; `Full` when too much is not handled.
    pub(super) fn add(&self, mut sent: Sent, owed: Owed, address: &str) -> Result<Added, Refusal> {
        let mut flying = self.flying();
        if flying.over {
            return Ok(Err(Box::new((sent, owed))));
        }
        if flying.settles.len() >= MOST {
            drop(flying);
            return Err(Refusal::Full(Error::resource_exhausted(format!(
                "the process at {address} has {MOST} events that it has not handled"
            ))));
        }
        flying.number += 1;
        let number = flying.number;
        sent.number = number;
        let (told, answer) = oneshot::channel();
        flying.offers.insert(number, told);
        flying.settles.insert(number, owed);
        flying.unsent.insert(number, sent);
        drop(flying);
        self.more.notify_one();
        Ok(Ok((number, answer)))
    }

    /// What is to be sent next, if there is anything.
    pub(super) fn batch(&self) -> Option<Batch> {
        let mut flying = self.flying();
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.events.len() < BATCH
            && let Some(next) = flying.unsent.first_entry()
        {
            bytes += next.get().size();
            if bytes > BYTES && !batch.events.is_empty() {
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
        let mut flying = self.flying();
        let unsent = flying.unsent.remove(&number);
        flying.offers.remove(&number);
        let settle = flying.settles.remove(&number);
        drop(flying);
        drop((unsent, settle));
    }

    /// Somebody gave up waiting for an answer.
    pub(super) fn set_mute(&self) {
        self.flying().mute = true;
    }

    /// Whether nothing was heard since somebody gave up waiting.
    pub(super) fn is_mute(&self) -> bool {
        let flying = self.flying();
        flying.mute && !flying.over
    }

    /// What the process says of events.
    pub(super) fn hear(&self, address: &str, words: Words) {
        let mut flying = self.flying();
        flying.mute = false;
        let mut told = Vec::new();
        for number in &words.taken {
            told.extend(flying.offers.remove(number).map(|offer| (offer, Ok(()))));
        }
        let mut settled = Vec::new();
        let outcomes = [
            (&words.handled, DeliveryOutcome::Handled),
            (&words.returned, DeliveryOutcome::Returned),
        ];
        for (numbers, outcome) in outcomes {
            for number in numbers {
                // It may be handled before it was said to be taken.
                told.extend(flying.offers.remove(number).map(|offer| (offer, Ok(()))));
                settled.extend(
                    flying
                        .settles
                        .remove(number)
                        .map(|settle| (settle, outcome)),
                );
            }
        }
        let mut dropped = Vec::new();
        for refused in words.refused {
            dropped.extend(flying.settles.remove(&refused.number));
            let refusal = if refused.full {
                Refusal::Full(Error::resource_exhausted(refused.reason))
            } else {
                gone(address, &refused.reason)
            };
            let offer = flying.offers.remove(&refused.number);
            told.extend(offer.map(|offer| (offer, Err(refusal))));
        }
        drop(flying);
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
        let mut flying = self.flying();
        flying.over = true;
        let unsent = std::mem::take(&mut flying.unsent);
        let offers = std::mem::take(&mut flying.offers);
        let settles = std::mem::take(&mut flying.settles);
        drop(flying);
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
        let mut flying = self.flying();
        flying.over |= flying.settles.is_empty();
        flying.over
    }

    pub(super) fn is_over(&self) -> bool {
        self.flying().over
    }

    /// How much is unsent, unanswered and unsettled.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        let flying = self.flying();
        let (unsent, offers) = (flying.unsent.len(), flying.offers.len());
        (unsent, offers, flying.settles.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_broker::Event;
    use micro_wake::{ByteBudget, Total};

    fn sent(bytes: usize) -> Sent {
        let event = Event::raw("a.b", "text/plain", vec![7; bytes]).unwrap();
        Sent::new("x", &event, std::time::Duration::ZERO)
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
