//! Cases of events that are not handled at the first attempt.

use std::sync::Arc;
use std::time::Duration;

use micro_broker::{Ack, Broker, DeadLetter, Delivery, Options};
use micro_message::error::Error;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{Notes, PAUSE, World, close, event, keyed};
use crate::DEADLINE;

fn quick() -> Options {
    Options::new().backoff(Duration::from_millis(2))
}

/// A failed event is retried, and later events with its key wait for it.
pub async fn failed_events_are_tried_again_in_order(world: World) {
    let topic = world.topic("again");
    let seen = Notes::default();
    let notes = seen.clone();
    let fail_first = move |delivery: Delivery| {
        let notes = notes.clone();
        async move {
            if delivery.attempt() < 3 && delivery.event().body == "first" {
                return Err(Error::unavailable("not yet"));
            }
            notes.add(&delivery);
            Ok(())
        }
    };
    let options = quick().concurrency(4);
    let subscription = world.subscribe(0, &topic, options, fail_first).await;
    world.reach(&topic, 1).await;
    for body in ["first", "second", "third"] {
        world.publish(keyed(&topic, "k", body), 1).await;
    }
    seen.wait(3).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(seen.all(), ["first", "second", "third"]);
}

/// An event that is rejected or fails at every attempt is published to the dead-letter topic with
/// the reason. The other events are handled in order.
pub async fn poison_goes_to_the_dead_letters_and_the_rest_flows(world: World) {
    let (topic, dead) = (world.topic("poisoned"), world.topic("dead"));
    let (seen, letters) = (Notes::default(), Notes::default());
    let (notes, reasons) = (seen.clone(), letters.clone());
    let read = move |delivery: Delivery| {
        let notes = notes.clone();
        async move {
            match &*delivery.event().body {
                b"poison" => delivery.dead_letter("it is not a number"),
                b"failing" => return Err(Error::internal("out of order")),
                _ => notes.add(&delivery),
            }
            Ok(())
        }
    };
    let note_letter = move |delivery: Delivery| {
        let event = delivery.event();
        let fact = |name: &str| {
            let value = event.metadata.get(&format!("dead-letter-{name}"));
            value.unwrap_or("nothing").to_owned()
        };
        let body = String::from_utf8_lossy(&event.body);
        let facts = [fact("subscriber"), fact("attempts"), fact("reason")];
        reasons.push(format!("{body}: {}", facts.join(", ")));
        async { Ok(()) }
    };
    let options = quick().dead_letter(&dead).retries(2).name("reader");
    let all = [
        world.subscribe(0, &topic, options, read).await,
        world.subscribe(1, &dead, Options::new(), note_letter).await,
    ];
    world.reach(&topic, 1).await;
    world.reach(&dead, 1).await;
    for body in ["1", "poison", "2", "failing", "3"] {
        world.publish(event(&topic, body), 1).await;
    }
    seen.wait(3).await;
    letters.wait(2).await;
    world.reach(&topic, 1).await;
    world.reach(&dead, 1).await;
    close(all).await;
    assert_eq!(seen.all(), ["1", "2", "3"]);
    let wanted = [
        "poison: reader, 1, it is not a number",
        "failing: reader, 3, out of order",
    ];
    assert_eq!(letters.all(), wanted);
}

/// Without a dead-letter topic, the subscriber's broker keeps dead letters.
pub async fn without_a_topic_dead_letters_are_kept(world: World) {
    let topic = world.topic("kept");
    let fail = |_| async { Err(Error::internal("never")) };
    let subscription = world.subscribe(0, &topic, quick().retries(0), fail).await;
    world.reach(&topic, 1).await;
    world.publish(event(&topic, "x"), 1).await;
    let letter = letter_of(&world.nodes[0], &topic).await;
    assert_eq!((letter.reason.as_str(), letter.attempts), ("never", 1));
    assert_eq!(letter.event.body, "x");
    close([subscription]).await;
}

fn letters_of(node: &Broker, topic: &str) -> Vec<DeadLetter> {
    let mut letters = node.dead_letters();
    letters.retain(|letter| letter.event.topic == topic);
    letters
}

/// Waits for the only dead letter of a topic.
async fn letter_of(node: &Broker, topic: &str) -> DeadLetter {
    let wait = async {
        loop {
            let mut letters = letters_of(node, topic);
            if let Some(letter) = letters.pop() {
                assert!(letters.is_empty(), "{letters:?}");
                return letter;
            }
            sleep(PAUSE).await;
        }
    };
    timeout(DEADLINE, wait).await.expect("a dead letter")
}

/// A handler that panics or exceeds its timeout has failed, and the event is retried.
pub async fn panics_and_late_handlers_are_failures(world: World) {
    let topic = world.topic("panics");
    let seen = Notes::default();
    let notes = seen.clone();
    let handle = move |delivery: Delivery| {
        let notes = notes.clone();
        async move {
            match delivery.attempt() {
                1 => panic!("this panic belongs to the test"),
                2 => std::future::pending().await,
                _ => notes.add(&delivery),
            }
            Ok(())
        }
    };
    let options = quick().timeout(Duration::from_millis(20));
    let subscription = world.subscribe(0, &topic, options, handle).await;
    world.reach(&topic, 1).await;
    world.publish(event(&topic, "x"), 1).await;
    seen.wait(1).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(seen.all(), ["x"]);
}

/// With manual acknowledgement, an event is retried until it is acknowledged: after its delivery
/// was dropped, was held for longer than `ack_wait`, and was nacked.
pub async fn acknowledgement_by_hand_is_waited_for(world: World) {
    let topic = world.topic("manual");
    let seen = Notes::default();
    let notes = seen.clone();
    let handle = move |delivery: Delivery| {
        notes.push(format!("attempt {}", delivery.attempt()));
        match delivery.attempt() {
            1 => drop(delivery),
            // Held for longer than the subscriber's `ack_wait`.
            2 => drop(tokio::spawn(async move {
                sleep(DEADLINE).await;
                drop(delivery);
            })),
            3 => delivery.nack(Duration::from_millis(1)),
            // Acknowledged after the handler has returned.
            _ => drop(tokio::spawn(async move { delivery.ack() })),
        }
        async { Ok(()) }
    };
    let options = quick().ack(Ack::Manual).retries(9);
    let options = options.ack_wait(Duration::from_millis(300));
    let subscription = world.subscribe(0, &topic, options, handle).await;
    world.reach(&topic, 1).await;
    world.publish(event(&topic, "x"), 1).await;
    seen.wait(4).await;
    timeout(DEADLINE, subscription.idle())
        .await
        .expect("the event is settled");
    close([subscription]).await;
    // On a very slow machine, the acknowledgement comes too late and there is another attempt.
    let attempts = seen.all();
    let counted = (1..=attempts.len()).map(|attempt| format!("attempt {attempt}"));
    assert_eq!(attempts, counted.collect::<Vec<_>>());
    assert!(
        letters_of(&world.nodes[0], &topic).is_empty(),
        "{attempts:?}"
    );
}

/// A member that is closed while it handles one event and others are queued finishes that event.
/// The other member receives the queued ones. Needs `redelivers` and `confirms`.
pub async fn what_a_member_gives_back_goes_to_another(world: World) {
    let redelivers = world.capabilities().redelivers;
    if !world.can(redelivers, "give events to another member") || !world.can_confirm() {
        return;
    }
    let topic = world.topic("back");
    let (first, second, started) = (Notes::default(), Notes::default(), Notes::default());
    let may_finish = Arc::new(Semaphore::new(0));
    let (notes, begun, gate) = (first.clone(), started.clone(), Arc::clone(&may_finish));
    let handle = move |delivery: Delivery| {
        let (notes, begun, gate) = (notes.clone(), begun.clone(), Arc::clone(&gate));
        async move {
            begun.add(&delivery);
            gate.acquire().await.expect("an open gate").forget();
            notes.add(&delivery);
            Ok(())
        }
    };
    let queue = || Options::new().queue("shared");
    let stopping = world.subscribe(0, &topic, queue(), handle).await;
    world.reach(&topic, 1).await;
    for number in 0..20 {
        world.publish(event(&topic, number), 1).await;
    }
    started.wait(1).await;
    let other = world
        .subscribe_noting(1, &topic, queue(), &second, Duration::ZERO)
        .await;
    let closing = tokio::spawn(stopping.close(DEADLINE));
    // The closing member has given back its queued events, and the other member has received them.
    second.wait(19).await;
    may_finish.add_permits(20);
    closing.await.unwrap().unwrap();
    assert_eq!(world.publisher.flush(DEADLINE).await, 0);
    world.reach(&topic, 1).await;
    close([other]).await;
    assert_eq!(first.all(), ["0"]);
    let mut numbers: Vec<u32> = second
        .all()
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..20).collect::<Vec<_>>());
}
