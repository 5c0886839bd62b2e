//! Which calls are retried at another node, which are not, and how often at most.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::peer::{Held, Peer, echo, refuse};
use super::*;
use crate::selector::Probing;
use micro_message::error::{Error, ErrorKind};

/// Runs 64 callers without pause during a closure. Returns the number of successful calls, and the
/// errors of the others.
async fn storm(
    client: &Client,
    method: &Arc<MethodInfo>,
    during: impl AsyncFnOnce(),
) -> (usize, Vec<Error>) {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (client, method, stop) = (client.clone(), Arc::clone(method), Arc::clone(&stop));
        callers.spawn(async move {
            let (mut good, mut failed) = (0, Vec::new());
            while !stop.load(Ordering::SeqCst) {
                match client.call::<Text>(&method, text("Ada")).await {
                    Ok(reply) => good += usize::from(reply == text("Ada")),
                    Err(error) => failed.push(error),
                }
            }
            (good, failed)
        });
    }
    during().await;
    stop.store(true, Ordering::SeqCst);
    let (mut good, mut failed) = (0, Vec::new());
    for (some, errors) in callers.join_all().await {
        good += some;
        failed.extend(errors);
    }
    (good, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_node_costs_idempotent_callers_nothing() {
    let [a, b, c] = [Peer::echo().await, Peer::echo().await, Peer::echo().await];
    let world = World::of(&[&a, &b, &c]).await;
    let client = world.client();
    let (good, failed) = storm(&client, &idempotent(), async || {
        until("all serve", || {
            [&a, &b, &c].iter().all(|peer| peer.calls() > 200)
        })
        .await;
        let before = b.calls();
        drop(a.kill().await);
        until("the others go on", || b.calls() > before + 1_000).await;
    })
    .await;
    assert!(
        failed.is_empty(),
        "{} of {good}: {:?}",
        failed.len(),
        failed[0]
    );
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_leave_in_order_cost_nobody_anything() {
    let peers = [Peer::echo().await, Peer::echo().await, Peer::echo().await];
    let world = World::of(&peers.each_ref()).await;
    let client = world.client();
    let (good, failed) = storm(&client, &hello(), async || {
        for round in 1..=5 {
            for peer in &peers {
                let before = peer.calls();
                until("it serves", || peer.calls() > before + 100).await;
                peer.leave();
                until("it is called anew", || peer.connections() > round).await;
            }
        }
    })
    .await;
    assert!(
        failed.is_empty(),
        "{} of {good}: {:?}",
        failed.len(),
        failed[0]
    );
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn refused_stream_goes_elsewhere_whatever_the_method() {
    let refusing = Peer::scripted(|mut incoming| async move {
        incoming.respond.send_reset(h2::Reason::REFUSED_STREAM);
    });
    let draining = Peer::scripted(|incoming| async move {
        refuse(
            incoming.respond,
            &[("grpc-status", "14"), ("micro-not-handled", "1")],
        );
    });
    let (refusing, draining, good) = (refusing.await, draining.await, Peer::echo().await);
    let world = World::of(&[&refusing, &draining, &good]).await;
    let client = world.client();
    for _ in 0..30 {
        let reply = client.call::<Text>(&hello(), text("Ada")).await;
        assert_eq!(reply.unwrap(), text("Ada"));
    }
    assert_eq!(good.calls(), 30);
    assert!(refusing.calls() > 0 && draining.calls() > 0);
}

#[tokio::test]
async fn lost_call_is_repeated_only_when_idempotent() {
    for (method, expected) in [(hello(), 1), (idempotent(), 3)] {
        let peer = Peer::scripted(|mut incoming| async move {
            incoming.respond.send_reset(h2::Reason::INTERNAL_ERROR);
        });
        let peer = peer.await;
        let world = World::of(&[&peer]).await;
        let error = world
            .client()
            .call::<Text>(&method, text("Ada"))
            .await
            .unwrap_err();
        assert_eq!(peer.calls(), expected);
        let end = format!("(attempt {expected} of 3)");
        assert!(error.to_string().ends_with(&end), "{error}");
        assert!(
            error.to_string().contains("on `greeter-1` at 127.0.0.1:"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn error_of_a_handler_is_repeated_only_when_idempotent_and_passing() {
    for (method, code, expected) in [
        (hello(), "14", 1),
        (idempotent(), "14", 3),
        (idempotent(), "5", 1),
    ] {
        let code: &'static str = code;
        let peer = Peer::scripted(move |incoming| async move {
            refuse(
                incoming.respond,
                &[("grpc-status", code), ("grpc-message", "no")],
            );
        });
        let peer = peer.await;
        let world = World::of(&[&peer]).await;
        let error = world
            .client()
            .call::<Text>(&method, text("Ada"))
            .await
            .unwrap_err();
        assert_eq!((peer.calls(), error.message()), (expected, "no"));
    }
}

#[tokio::test]
async fn repetitions_keep_to_their_budget() {
    let peer = Peer::scripted(|incoming| async move {
        refuse(
            incoming.respond,
            &[("grpc-status", "14"), ("grpc-message", "overloaded")],
        );
    });
    let peer = peer.await;
    let world = World::of(&[&peer]).await;
    let config = Config {
        retry_reserve: 20,
        ..Config::default()
    };
    let client = world.client_with(config);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let call = client.call::<Text>(&idempotent(), text("Ada"));
        callers.spawn(call.into_future());
    }
    for reply in callers.join_all().await {
        assert_eq!(reply.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(
        peer.calls() <= 500 + 50 + 20,
        "{} attempts for 500 calls",
        peer.calls()
    );
    assert!(
        peer.calls() > 520,
        "{} attempts for 500 calls",
        peer.calls()
    );
}

#[tokio::test]
async fn unreachable_nodes_are_passed_by_and_probed_back() {
    let (good, gone) = (Peer::echo().await, Peer::echo().await);
    let world = World::of(&[&good, &gone]).await;
    let address = gone.kill().await;
    let client = world.client();
    let call = || client.call::<Text>(&hello(), text("Ada"));
    for _ in 0..20 {
        assert_eq!(call().await.unwrap(), text("Ada"));
    }
    let back = Peer::echo_at(&address, h2::server::Builder::new()).await;
    until("probed back", || back.connections() > 0).await;
    let all = async {
        while back.calls() == 0 {
            call().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .unwrap();
}

#[tokio::test]
async fn last_node_is_tried_though_it_is_ejected() {
    let peer = Peer::echo().await;
    let mut world = World::of(&[&peer]).await;
    let address = peer.kill().await;
    // Probing alone would take an hour.
    let probing = Probing {
        first: Duration::from_secs(3_600),
        longest: Duration::from_secs(3_600),
    };
    let config = Config {
        probing,
        ..Config::default()
    };
    let client = world.client_with(config);
    let call = || client.call::<Text>(&hello(), text("Ada"));
    let error = call().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot connect: connection refused"),
        "{error}"
    );
    let back = Peer::echo_at(&address, h2::server::Builder::new()).await;
    assert_eq!(call().await.unwrap(), text("Ada"));
    drop(back.kill().await);
    call().await.unwrap_err();
    let node = client.core().node_of("greeter", "greeter-1");
    assert!(node.health().is_ejected());
    // While there is a healthy node, the ejected one gets no calls, and only the change of its
    // record brings it back.
    let other = Peer::echo().await;
    world.add(&other.address()).await;
    until("found", || client.core().nodes("greeter") == 2).await;
    let back = Peer::echo_at(&address, h2::server::Builder::new()).await;
    for _ in 0..20 {
        call().await.unwrap();
    }
    assert_eq!((back.calls(), other.calls()), (0, 20));
    let changed = Node::new("greeter", "greeter-1", &*address).with_version("2");
    world.register(changed).await;
    until("let in again", || back.connections() > 0).await;
}

#[tokio::test]
async fn slow_to_connect_does_not_hold_calls_while_others_serve() {
    let silent = Peer::raw(|tcp| async move {
        std::future::pending::<()>().await;
        drop(tcp);
    });
    let (silent, good) = (silent.await, Peer::echo().await);
    let world = World::of(&[&silent, &good]).await;
    let config = Config {
        failover_after: Duration::from_millis(20),
        connect_timeout: Duration::from_secs(3_600),
        ..Config::default()
    };
    let client = world.client_with(config);
    for _ in 0..10 {
        let call = client.call::<Text>(&hello(), text("Ada"));
        assert_eq!(
            call.timeout(Duration::from_secs(10)).await.unwrap(),
            text("Ada")
        );
    }
    assert_eq!(good.calls(), 10);
}

#[tokio::test]
async fn calls_under_way_finish_while_the_node_leaves() {
    let held = Held::default();
    let waiting = held.clone();
    let peer = Peer::scripted(move |incoming| {
        let waiting = waiting.clone();
        async move {
            waiting.wait().await;
            echo(incoming).await;
        }
    });
    let peer = peer.await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    let call = client.call::<Text>(&hello(), text("Ada"));
    let running = tokio::spawn(call.into_future());
    until("it runs", || peer.running() == 1).await;
    peer.leave();
    let mut next = Vec::new();
    // Until the client notices, calls still go there, and are answered as well.
    while peer.connections() < 2 {
        next.push(tokio::spawn(
            client.call::<Text>(&hello(), text("Bob")).into_future(),
        ));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("all run", || peer.running() == 1 + next.len()).await;
    held.release();
    assert_eq!(running.await.unwrap().unwrap(), text("Ada"));
    for next in next {
        assert_eq!(next.await.unwrap().unwrap(), text("Bob"));
    }
}

/// A wrap that runs a call twice makes two calls.
#[tokio::test]
async fn wraps_may_repeat_calls() {
    use micro_core::handler::{Call, Response};
    use micro_core::wrap::{Next, On, ScopedWrap, Wrap};
    struct Twice(AtomicUsize);
    impl Wrap for Twice {
        async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
            let again = call.try_clone().unwrap();
            next.run(call).await?;
            self.0.fetch_add(1, Ordering::SeqCst);
            next.run(again).await
        }
    }
    let peer = Peer::echo().await;
    let world = World::of(&[&peer]).await;
    let mut twice = ScopedWrap::new("twice", Twice(AtomicUsize::new(0)));
    twice.on = On::Client;
    let builder = Client::builder().registry(world.registry.clone());
    let client = builder.wraps(vec![twice]).build();
    let call = client.call::<Text>(&hello(), text("Ada"));
    assert_eq!(call.await.unwrap(), text("Ada"));
    assert_eq!(peer.calls(), 2);
}
