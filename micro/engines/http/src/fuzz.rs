//! Fuzzing entry points for the decoders of data from other processes. Not part of the public API.

use std::time::Duration;

use crate::go_micro;
use crate::wire::{Batch, DeliveryReport, Envelope};
use micro_broker::Event;
use micro_message::codec::Message;

/// Memory limit for decoding, in bytes.
const MEMORY: usize = 64 << 10;

/// Decodes a batch of events. Accepted events must be unchanged after another round trip.
///
/// # Panics
///
/// Panics if an event changes.
pub fn batch(bytes: &[u8]) {
    let Some(batch) = read::<Batch>(bytes) else {
        return;
    };
    for sent in batch.events {
        if let Ok(event) = sent.into_event() {
            let sent = Envelope::new("somebody", &event, Duration::ZERO);
            let back = again(&sent).into_event().expect("it was one before");
            same(&event, &back);
            assert_eq!(event.time, back.time);
            assert_eq!(
                (event.delay, event.redelivered),
                (back.delay, back.redelivered)
            );
        }
    }
}

/// Decodes a delivery report. It must be unchanged after another round trip.
///
/// # Panics
///
/// Panics if the report changes.
pub fn words(bytes: &[u8]) {
    let Some(words) = read::<DeliveryReport>(bytes) else {
        return;
    };
    let back = again(&words);
    assert_eq!(words.taken, back.taken);
    assert_eq!(words.handled, back.handled);
    assert_eq!(words.returned, back.returned);
    assert_eq!(words.refused.len(), back.refused.len());
}

/// Decodes an event posted by a Go Micro program. An accepted event must survive a round trip.
///
/// # Panics
///
/// Panics if the event changes or cannot be encoded.
pub fn posted(bytes: &[u8]) {
    if let Ok(event) = go_micro::read(bytes) {
        let written = go_micro::write(&event).expect("it came as text");
        let back = go_micro::read(&written).expect("our own JSON is good");
        same(&event, &back);
    }
}

fn same(one: &Event, other: &Event) {
    assert_eq!(one.topic, other.topic);
    assert_eq!((&one.id, &one.key), (&other.id, &other.key));
    assert_eq!(one.metadata, other.metadata);
    assert_eq!(one.content_type, other.content_type);
    assert_eq!(one.body, other.body);
}

fn read<M: Message>(bytes: &[u8]) -> Option<M> {
    M::decode(&bytes.to_vec().into(), MEMORY).ok()
}

fn again<M: Message>(message: &M) -> M {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    M::decode(&bytes.into(), usize::MAX).expect("our own bytes are good")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_survived_and_events_arrive_as_they_were() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut event = Event::raw("a.b", "application/json", "{}").unwrap();
        event.key = Some("k".to_owned());
        event.metadata.insert("tenant", "acme").unwrap();
        let sent = Envelope::new("somebody", &event, Duration::from_secs(1));
        let mut good = Vec::new();
        Batch { events: vec![sent] }.encode(&mut good);
        batch(&good);
        posted(&go_micro::write(&event).unwrap());
        for _ in 0..2_000 {
            let mut bytes = good.clone();
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
            bytes.truncate(random.usize(..=bytes.len()));
            batch(&bytes);
            words(&bytes);
            posted(&bytes);
        }
    }
}
