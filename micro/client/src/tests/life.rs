//! Start and end: first nodes, deadlines, cancelled calls, queues, closing.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::{Instant, timeout};
use tracing::Level;

use super::peer::{Held, IncomingResponses, Peer, echo};
use super::*;
use micro_core::test_util::CapturedLog;
use micro_message::error::{Error, ErrorKind};
use micro_registry::{Backend, Capabilities, Watch, WatchSender};

/// Starts a peer whose calls wait until they are released.
async fn holding(builder: h2::server::Builder) -> (Peer, Held) {
    let held = Held::default();
    let waiting = held.clone();
    let script = move |mut incoming: IncomingResponses| {
        let waiting = waiting.clone();
        async move {
            tokio::select! {
                () = waiting.wait() => echo(incoming).await,
                () = incoming.reset() => {}
            }
        }
    };
    (Peer::scripted_with(builder, script).await, held)
}

#[tokio::test]
async fn call_waits_for_a_first_node() {
    let (peer, mut world) = (Peer::echo().await, World::new());
    let client = world.client();
    let call = tokio::spawn(client.call::<Text>(&hello(), text("Ada")).into_future());
    until("it is looked for", || client.core().watched() == 1).await;
    world.add(&peer.address()).await;
    assert_eq!(call.await.unwrap().unwrap(), text("Ada"));
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_told_with_limit_place_and_what_is_known() {
    let mut world = World::new();
    for service in ["mail", "billing", "mail"] {
        let id = format!("{service}-{}", world.nodes.len());
        world.register(Node::new(service, id, "127.0.0.1:1")).await;
    }
    let started = Instant::now();
    let call = world.client().call::<Text>(&hello(), text("Ada"));
    let error = call.timeout(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "no node serves `greeter`; looked for 2s, the call's timeout in `memory`; known: \
         `billing`, `mail` (2 nodes); start a node of it, or give both programs the same setting \
         `registry`"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_gives_up_finding_a_node_after_the_discovery_timeout() {
    let mut world = World::new();
    world
        .register(Node::new("greter", "a", "127.0.0.1:1"))
        .await;
    let started = Instant::now();
    let call = world.client().call::<Text>(&hello(), text("Ada"));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "no node serves `greeter`; looked for 5s, the client's discovery timeout, in `memory`; \
         known: `greter`; did you mean `greter`?"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    let config = Config {
        discovery_timeout: Duration::from_secs(40),
        ..Config::default()
    };
    let patient = world.client_with(config);
    let started = Instant::now();
    let error = patient.call::<Text>(&hello(), text("Ada")).await;
    assert!(error.unwrap_err().message().contains("looked for 30s"));
    assert_eq!(started.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_node_is_logged_once_after_a_second_however_many_calls_wait() {
    let log = CapturedLog::new(Level::WARN);
    let mut world = World::new();
    world
        .register(Node::new("greter", "a", "127.0.0.1:1"))
        .await;
    let client = world.client();
    let calls: Vec<_> = (0..50)
        .map(|_| tokio::spawn(client.call::<Text>(&hello(), text("Ada")).into_future()))
        .collect();
    tokio::time::sleep(Duration::from_millis(990)).await;
    assert_eq!(log.lines(), Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let first = log.lines();
    assert_eq!(first.len(), 1, "{first:?}");
    for part in [
        "no node found yet",
        "service=\"greeter\"",
        "registry=\"memory\"",
        "known=\"`greter`\"",
        "nearest=\"greter\"",
    ] {
        assert!(first[0].contains(part), "{part}: {first:?}");
    }
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    // Another wait is logged when the interval has passed.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let call = client.call::<Text>(&hello(), text("Ada")).await;
    call.unwrap_err();
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}

#[tokio::test]
async fn deadline_holds_and_tells_whose_it_is() {
    let (peer, _held) = holding(h2::server::Builder::new()).await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    let short = Duration::from_millis(30);
    let of_method = Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Hello").timeout(short));
    let (call, caller) = (
        |method: &Arc<MethodInfo>| client.call::<Text>(method, text("Ada")),
        micro_core::context::Context::new,
    );
    for (case, whose) in [
        "30ms, the call's timeout",
        "30ms, the method's timeout",
        "what the caller had left",
    ]
    .into_iter()
    .enumerate()
    {
        let call = match case {
            0 => call(&hello()).timeout(short),
            1 => call(&of_method),
            _ => call(&hello()).context(caller().with_timeout(short)),
        };
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let text = error.to_string();
        assert!(
            text.starts_with("`/greeter.Greeter/Hello` on `greeter-1` at 127.0.0.1:"),
            "{text}"
        );
        assert!(
            text.contains("no reply within ") && text.contains(whose),
            "{text}"
        );
    }
    until("the peer saw them cancelled", || peer.resets() == 3).await;
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn cancelled_calls_leave_nothing_behind() {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(50);
    let (peer, held) = holding(builder).await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    let call = || client.call::<Text>(&hello(), text("Ada")).into_future();
    for round in 1..=5 {
        let calls: Vec<_> = (0..200).map(|_| tokio::spawn(call())).collect();
        until("fifty run", || peer.running() == 50).await;
        for call in &calls {
            call.abort();
        }
        until("nothing in flight", || client.core().in_flight() == 0).await;
        until("all cancelled there", || peer.running() == 0).await;
        assert_eq!(peer.resets(), 50 * round);
    }
    let last = tokio::spawn(call());
    until("it runs", || peer.running() == 1).await;
    held.release();
    assert_eq!(last.await.unwrap().unwrap(), text("Ada"));
    assert_eq!(peer.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_once_share_a_hundred_streams() {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(100);
    let peer = Peer::echo_at("127.0.0.1:0", builder).await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..10_000 {
        let call = client.call::<Text>(&hello(), text(&number.to_string()));
        calls.spawn(async move { (number, call.await) });
    }
    for (number, reply) in calls.join_all().await {
        assert_eq!(reply.unwrap(), text(&number.to_string()));
    }
    assert_eq!((peer.calls(), peer.connections()), (10_000, 1));
}

#[tokio::test]
async fn line_for_streams_is_bounded_and_ends_with_the_deadline() {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(1);
    let (peer, held) = holding(builder).await;
    let world = World::of(&[&peer]).await;
    let config = Config {
        max_queued_calls: 1,
        ..Config::default()
    };
    let client = world.client_with(config);
    let call = || client.call::<Text>(&hello(), text("Ada"));
    let running = tokio::spawn(call().into_future());
    until("one runs", || peer.running() == 1).await;
    let waiting = tokio::spawn(call().timeout(Duration::from_secs(1)).into_future());
    until("one waits", || client.core().in_flight() == 2).await;
    let error = call().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(
        error
            .to_string()
            .contains("1 calls wait for a free stream already"),
        "{error}"
    );
    let error = waiting.await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("no free stream within 1s"),
        "{error}"
    );
    held.release();
    running.await.unwrap().unwrap();
    assert_eq!(peer.calls(), 1);
}

#[tokio::test]
async fn call_outlives_its_client_and_the_registry_s_memory() {
    let (peer, held) = holding(h2::server::Builder::new()).await;
    let mut world = World::of(&[&peer]).await;
    let client = world.client();
    let call = tokio::spawn(client.call::<Text>(&hello(), text("Ada")).into_future());
    until("it runs", || peer.running() == 1).await;
    world.nodes.pop().unwrap().deregister().await.unwrap();
    until("the node is forgotten", || {
        client.core().nodes("greeter") == 0
    })
    .await;
    let core = Arc::downgrade(client.core());
    drop(client);
    held.release();
    assert_eq!(call.await.unwrap().unwrap(), text("Ada"));
    until("nothing is left of the client", || core.upgrade().is_none()).await;
}

#[tokio::test]
async fn closed_client_ends_its_tasks_and_takes_no_calls() {
    let (peer, _held) = holding(h2::server::Builder::new()).await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    let call = tokio::spawn(client.call::<Text>(&hello(), text("Ada")).into_future());
    until("it runs", || peer.running() == 1).await;
    timeout(Duration::from_secs(5), client.close())
        .await
        .unwrap();
    assert_eq!(client.core().tasks.running(), 0);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = client
        .call::<Text>(&hello(), text("Ada"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the client is closed");
}

#[tokio::test]
async fn drained_connection_is_closed() {
    let peer = Peer::echo().await;
    let mut world = World::of(&[&peer]).await;
    let client = world.client();
    client.call::<Text>(&hello(), text("Ada")).await.unwrap();
    assert_eq!(peer.open(), 1);
    world.nodes.pop().unwrap().deregister().await.unwrap();
    until("closed", || peer.open() == 0).await;
    until("only the watch is left", || {
        client.core().tasks.running() == 1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn services_nobody_has_and_nobody_calls_are_forgotten() {
    let world = World::new();
    let client = world.client();
    for number in 0..20 {
        let method = MethodInfo::new(format!("made-up-{number}"), "/a.A/B");
        let call = client.call::<Text>(&Arc::new(method), text("Ada"));
        call.timeout(Duration::from_millis(1)).await.unwrap_err();
    }
    assert_eq!(client.core().watched(), 20);
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert_eq!(
        (client.core().watched(), client.core().tasks.running()),
        (0, 0)
    );
    // The client looks them up again when they are called again.
    let method = Arc::new(MethodInfo::new("made-up-1", "/a.A/B"));
    let call = client.call::<Text>(&method, text("Ada"));
    let error = call.timeout(Duration::from_secs(1)).await.unwrap_err();
    assert!(
        error.to_string().starts_with("no node serves `made-up-1`"),
        "{error}"
    );
}

/// A registry that cannot be watched at first, and whose watches end.
struct Moody {
    works: Arc<AtomicBool>,
    node: Node,
}

impl Backend for Moody {
    fn scheme(&self) -> &'static str {
        "moody"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    async fn register(&self, _: Node, _: Duration) -> Result<()> {
        Ok(())
    }

    async fn deregister(&self, _: &Node) -> Result<()> {
        Ok(())
    }

    async fn lookup(&self, _: &str) -> Result<Vec<Node>> {
        Ok(Vec::new())
    }

    async fn list(&self) -> Result<Vec<Node>> {
        Err(Error::unimplemented("no list here"))
    }

    async fn watch(&self, _: &str) -> Result<Watch> {
        if !self.works.load(Ordering::SeqCst) {
            return Err(Error::unavailable("in a bad mood"));
        }
        let sender = WatchSender::new();
        sender.send(vec![self.node.clone()]);
        Ok(sender.watch())
    }
}

#[tokio::test]
async fn watch_that_fails_is_told_and_taken_up_again() {
    let peer = Peer::echo().await;
    let works = Arc::new(AtomicBool::new(false));
    let node = Node::new("greeter", "greeter-1", peer.address());
    let registry = Registry::new(Moody {
        works: Arc::clone(&works),
        node,
    });
    let client = Client::builder().registry(registry).build();
    let call = || client.call::<Text>(&hello(), text("Ada"));
    let error = call()
        .timeout(Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in a bad mood"), "{error}");
    works.store(true, Ordering::SeqCst);
    for _ in 0..50 {
        // Each watch ends at once, but the nodes that it delivered stay.
        assert_eq!(call().await.unwrap(), text("Ada"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(peer.connections(), 1);
}
