//! Cases of deduplication, delays, capacity and invalid arguments.

use std::sync::Arc;
use std::time::Duration;

use micro_broker::{Delivery, Event, Options};
use micro_message::error::ErrorKind;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Notes, World, close, event};
use crate::DEADLINE;

/// Events with the same id are handled once.
pub async fn one_id_is_handled_once(world: World) {
    let topic = world.topic("ids");
    let notes = Notes::default();
    let options = Options::new();
    let subscription = world
        .subscribe_noting(0, &topic, options, &notes, Duration::ZERO)
        .await;
    world.reach(&topic, 1).await;
    for body in ["a", "a", "b", "a"] {
        world.publish(event(&topic, body).with_id(body), 1).await;
    }
    notes.wait(2).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(notes.all(), ["a", "b"]);
}

/// A delayed event is not handled before its delay has passed. An event published later without a
/// delay is handled before it.
pub async fn delayed_events_come_later(world: World) {
    let topic = world.topic("later");
    let notes = Notes::default();
    let options = Options::new();
    let subscription = world
        .subscribe_noting(0, &topic, options, &notes, Duration::ZERO)
        .await;
    world.reach(&topic, 1).await;
    let mut overtaken = false;
    // On a machine that takes longer than the delay to publish another event, that event arrives
    // second.
    for (round, delay) in [100, 1000, 5000]
        .map(Duration::from_millis)
        .into_iter()
        .enumerate()
    {
        let (start, before) = (Instant::now(), round * 2);
        let late = world.publisher.publish_event(event(&topic, "late"));
        late.delay(delay).await.unwrap();
        world.publish(event(&topic, "soon"), 1).await;
        notes.wait(before + 1).await;
        overtaken = notes.all()[before] == "soon";
        let elapsed = start.elapsed();
        assert!(
            overtaken || elapsed >= delay,
            "handled {elapsed:?} after it was published"
        );
        notes.wait(before + 2).await;
        let elapsed = start.elapsed();
        assert!(
            elapsed >= delay,
            "handled {elapsed:?} after it was published"
        );
        if overtaken {
            break;
        }
    }
    close([subscription]).await;
    assert!(overtaken, "{:?}", notes.all());
}

/// A publisher waits for a full subscriber. When the timeout expires, the error names the
/// subscriber, its queue and the topic. Needs `confirms`.
pub async fn a_full_subscriber_is_waited_for_and_then_named(world: World) {
    if !world.can_confirm() {
        return;
    }
    let topic = world.topic("full");
    let (seen, may_finish) = (Notes::default(), Arc::new(Semaphore::new(0)));
    let (notes, gate) = (seen.clone(), Arc::clone(&may_finish));
    let handle = move |delivery: Delivery| {
        let (notes, gate) = (notes.clone(), Arc::clone(&gate));
        async move {
            gate.acquire().await.expect("an open gate").forget();
            notes.add(&delivery);
            Ok(())
        }
    };
    let options = Options::new().queue("narrow").capacity(2).name("mill");
    let subscription = world.subscribe(0, &topic, options, handle).await;
    world.reach(&topic, 1).await;
    subscription.idle().await;
    for number in 0..2 {
        world.publish(event(&topic, number), 1).await;
    }
    let third = world.publisher.publish_event(event(&topic, 2));
    let error = third.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    for word in ["`narrow`", "`mill`", &topic] {
        assert!(
            error.message().contains(word),
            "`{word}` is not in: {error}"
        );
    }
    // With a longer timeout, the event is accepted.
    let fourth = world.publisher.publish_event(event(&topic, 3));
    let fourth = tokio::spawn(fourth.timeout(DEADLINE).into_future());
    may_finish.add_permits(3);
    assert_eq!(fourth.await.unwrap().unwrap().taken, 1);
    seen.wait(3).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(seen.all(), ["0", "1", "3"]);
}

/// Publishing an event without subscribers succeeds with a count of 0.
pub async fn an_event_without_subscribers_is_taken_by_nobody(world: World) {
    let topic = world.topic("nobody");
    world.publish(event(&topic, "x"), 0).await;
}

/// Invalid topics, patterns and options are rejected with `InvalidArgument`.
pub async fn wrong_names_are_refused(world: World) {
    let refused = Event::raw("a b", "text/plain", "").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    for (pattern, options) in [
        ("a..b", Options::new()),
        ("a.b", Options::new().concurrency(0)),
    ] {
        let subscribed = world.nodes[0].subscribe(pattern, options, |_| async { Ok(()) });
        let error = subscribed.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
}

/// A pattern fails with `Unimplemented` if the backend does not have the capability `patterns`.
pub async fn what_it_cannot_is_unimplemented(world: World) {
    if !world.capabilities().patterns {
        let pattern = world.topic("*");
        let subscribed = world.nodes[0].subscribe(&pattern, Options::new(), |_| async { Ok(()) });
        let error = subscribed.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented, "{error}");
    }
}
