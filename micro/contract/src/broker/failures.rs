//! What becomes of events that are not handled at the first attempt.

use std::time::Duration;

use tokio::time::sleep;

use super::{Notes, PATIENCE, World, close, deciding, event, keyed, noting};
use crate::{Ack, Broker, DeadLetter, Options};
use micro_message::error::Error;

fn quick() -> Options {
    Options::new().backoff(Duration::from_millis(2))
}

pub(super) async fn failed_events_are_tried_again_in_order(world: &World) {
    let topic = world.topic("again");
    let seen = Notes::default();
    let notes = seen.clone();
    let options = quick().concurrency(4);
    let subscription = deciding(&world.nodes[0], &topic, options, move |delivery| {
        let notes = notes.clone();
        async move {
            if delivery.attempt() < 3 && delivery.event().body == "first" {
                return Err(Error::unavailable("not yet"));
            }
            notes.add(&delivery);
            Ok(())
        }
    });
    let subscription = subscription.await;
    world.ready(&topic, 1).await;
    for body in ["first", "second", "third"] {
        let event = keyed(&topic, "k", body);
        world.publisher.publish_event(event).await.unwrap();
    }
    assert_eq!(seen.wait(3).await, ["first", "second", "third"]);
    close([subscription]).await;
}

pub(super) async fn poison_goes_to_the_dead_letters_and_the_rest_flows(world: &World) {
    let (topic, dead) = (world.topic("poisoned"), world.topic("dead"));
    let (seen, letters) = (Notes::default(), Notes::default());
    let (notes, reasons) = (seen.clone(), letters.clone());
    let options = quick().dead_letter(&dead).retries(2).name("reader");
    let subscription = deciding(&world.nodes[0], &topic, options, move |delivery| {
        let notes = notes.clone();
        async move {
            match &*delivery.event().body {
                b"poison" => delivery.dead_letter("it is no number"),
                b"failing" => return Err(Error::internal("out of order")),
                _ => notes.add(&delivery),
            }
            Ok(())
        }
    });
    let heard = deciding(&world.nodes[1], &dead, Options::new(), move |delivery| {
        let metadata = &delivery.event().metadata;
        let fact = |name: &str| {
            metadata
                .get(&format!("dead-letter-{name}"))
                .unwrap()
                .to_owned()
        };
        let (body, attempts) = (&delivery.event().body, fact("attempts"));
        let body = String::from_utf8_lossy(body);
        assert_eq!(fact("subscriber"), "reader");
        reasons.push(format!("{body} {attempts} {}", fact("reason")));
        async { Ok(()) }
    });
    let all = [subscription.await, heard.await];
    world.ready(&topic, 1).await;
    world.ready(&dead, 1).await;
    for body in ["1", "poison", "2", "failing", "3"] {
        world
            .publisher
            .publish_event(event(&topic, body))
            .await
            .unwrap();
    }
    assert_eq!(seen.wait(3).await, ["1", "2", "3"]);
    let wanted = ["poison 1 it is no number", "failing 3 out of order"];
    assert_eq!(letters.wait(2).await, wanted);
    close(all).await;
}

pub(super) async fn without_a_topic_dead_letters_are_kept(world: &World) {
    let topic = world.topic("kept");
    let node = &world.nodes[0];
    let subscription = deciding(node, &topic, quick().retries(0), |_| async {
        Err(Error::internal("never"))
    });
    let subscription = subscription.await;
    world.ready(&topic, 1).await;
    world
        .publisher
        .publish_event(event(&topic, "x"))
        .await
        .unwrap();
    let letter = letter_of(node, &topic).await;
    assert_eq!((letter.reason.as_str(), letter.attempts), ("never", 1));
    assert_eq!(letter.event.body, "x");
    close([subscription]).await;
}

/// Waits for the one dead letter of a topic.
async fn letter_of(node: &Broker, topic: &str) -> DeadLetter {
    let wait = async {
        loop {
            let mut letters = node.dead_letters();
            letters.retain(|letter| letter.event.topic == topic);
            if let Some(letter) = letters.pop() {
                assert!(letters.is_empty(), "{letters:?}");
                return letter;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("a dead letter")
}

pub(super) async fn panics_and_late_handlers_are_failures(world: &World) {
    let topic = world.topic("panics");
    let seen = Notes::default();
    let notes = seen.clone();
    let options = quick().timeout(Duration::from_millis(20));
    let subscription = deciding(&world.nodes[0], &topic, options, move |delivery| {
        let notes = notes.clone();
        async move {
            match delivery.attempt() {
                1 => panic!("this panic belongs to the test"),
                2 => sleep(PATIENCE).await,
                _ => notes.add(&delivery),
            }
            Ok(())
        }
    });
    let subscription = subscription.await;
    world.ready(&topic, 1).await;
    world
        .publisher
        .publish_event(event(&topic, "x"))
        .await
        .unwrap();
    assert_eq!(seen.wait(1).await, ["x"]);
    close([subscription]).await;
}

pub(super) async fn acknowledgement_by_hand_is_waited_for(world: &World) {
    let topic = world.topic("manual");
    let seen = Notes::default();
    let notes = seen.clone();
    let wait = Duration::from_millis(30);
    let options = quick().ack(Ack::Manual).ack_wait(wait);
    let subscription = deciding(&world.nodes[0], &topic, options, move |delivery| {
        let attempt = delivery.attempt();
        notes.push(format!("attempt {attempt}"));
        match attempt {
            // Nobody says a word.
            1 => drop(delivery),
            // Somebody keeps it for too long.
            2 => drop(tokio::spawn(async move {
                sleep(PATIENCE).await;
                drop(delivery);
            })),
            3 => delivery.nack(Duration::from_millis(1)),
            _ => drop(tokio::spawn(async move {
                sleep(Duration::from_millis(1)).await;
                delivery.ack();
            })),
        }
        async { Ok(()) }
    });
    let subscription = subscription.await;
    world.ready(&topic, 1).await;
    world
        .publisher
        .publish_event(event(&topic, "x"))
        .await
        .unwrap();
    let wanted = [1, 2, 3, 4].map(|attempt| format!("attempt {attempt}"));
    assert_eq!(seen.wait(4).await, wanted);
    close([subscription]).await;
}

/// A member stops while it handles one event and others wait: the one is finished, the others go
/// to the other member.
pub(super) async fn what_a_member_gives_back_goes_to_another(world: &World) {
    let topic = world.topic("back");
    let (first, second) = (Notes::default(), Notes::default());
    let queue = || Options::new().queue("shared");
    let (notes, started) = (first.clone(), Notes::default());
    let begun = started.clone();
    let stopping = deciding(&world.nodes[0], &topic, queue(), move |delivery| {
        let notes = notes.clone();
        begun.push("begun".to_owned());
        async move {
            sleep(Duration::from_millis(300)).await;
            notes.add(&delivery);
            Ok(())
        }
    });
    let stopping = stopping.await;
    world.ready(&topic, 1).await;
    for number in 0..20 {
        let published = world.publisher.publish_event(event(&topic, number)).await;
        assert_eq!(published.unwrap().taken, 1);
    }
    let other = noting(&world.nodes[1], &topic, queue(), &second, Duration::ZERO).await;
    started.wait_for(1).await;
    stopping.close(PATIENCE).await.unwrap();
    let handled = first.all().len();
    assert!((1..20).contains(&handled), "{handled}");
    let mut all = second.wait(20 - handled).await;
    all.extend(first.all());
    let mut numbers: Vec<u32> = all.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(world.publisher.flush(PATIENCE).await, 0);
    close([other]).await;
}
