//! Bounds: of ids, of time, of room, of names.

use std::time::Duration;

use tokio::time::Instant;

use super::{Notes, World, close, event, noting};
use crate::{Event, Options};
use micro_message::error::ErrorKind;

const AT_ONCE: Duration = Duration::ZERO;

pub(super) async fn one_id_is_handled_once(world: &World) {
    let topic = world.topic("ids");
    let notes = Notes::default();
    let subscription = noting(&world.nodes[0], &topic, Options::new(), &notes, AT_ONCE).await;
    world.ready(&topic, 1).await;
    for body in ["a", "a", "b", "a"] {
        let published = world.publisher.publish_event(event(&topic, body)).id(body);
        published.await.unwrap();
    }
    assert_eq!(notes.wait(2).await, ["a", "b"]);
    close([subscription]).await;
}

pub(super) async fn delayed_events_come_later(world: &World) {
    let topic = world.topic("later");
    let notes = Notes::default();
    let subscription = noting(&world.nodes[0], &topic, Options::new(), &notes, AT_ONCE).await;
    world.ready(&topic, 1).await;
    let (start, delay) = (Instant::now(), Duration::from_millis(100));
    let late = world.publisher.publish_event(event(&topic, "late"));
    late.delay(delay).await.unwrap();
    world
        .publisher
        .publish_event(event(&topic, "soon"))
        .await
        .unwrap();
    assert_eq!(notes.wait(2).await, ["soon", "late"]);
    assert!(start.elapsed() >= delay);
    close([subscription]).await;
}

pub(super) async fn a_full_subscriber_is_waited_for_and_then_named(world: &World) {
    let topic = world.topic("full");
    let notes = Notes::default();
    let options = Options::new().queue("narrow").capacity(2).name("mill");
    let slow = Duration::from_millis(150);
    let subscription = noting(&world.nodes[0], &topic, options, &notes, slow).await;
    world.ready(&topic, 1).await;
    subscription.idle().await;
    for number in 0..2 {
        world
            .publisher
            .publish_event(event(&topic, number))
            .await
            .unwrap();
    }
    let third = world.publisher.publish_event(event(&topic, 2));
    let error = third.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    for word in ["queue `narrow`", "`mill` is full", "2 events", &topic] {
        assert!(error.message().contains(word), "{word}: {error}");
    }
    // With more time it gets its turn.
    world
        .publisher
        .publish_event(event(&topic, 3))
        .await
        .unwrap();
    assert_eq!(notes.wait(3).await, ["0", "1", "3"]);
    close([subscription]).await;
}

pub(super) async fn nobody_takes_what_nobody_subscribes_to(world: &World) {
    let nobody = event(&world.topic("nobody"), "x");
    let published = world.publisher.publish_event(nobody).await.unwrap();
    assert_eq!(published.taken, 0);
}

pub(super) async fn wrong_names_are_refused(world: &World) {
    let refused = Event::raw("a b", "text/plain", "").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let subscribed = world.nodes[0].subscribe("a..b", Options::new(), |_| async { Ok(()) });
    let error = subscribed.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let options = Options::new().concurrency(0);
    let subscribed = world.nodes[0].subscribe("a.b", options, |_| async { Ok(()) });
    assert!(subscribed.await.is_err());
}
