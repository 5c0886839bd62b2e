//! Draining: no call is lost; calls that do not finish are aborted and reported.

use super::*;

const GRACE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drain_under_load_loses_no_call() {
    let served = Served::new().await;
    let address = served.running.local_address();
    let mut callers = tokio::task::JoinSet::new();
    let (started, _) = tokio::sync::watch::channel(0_usize);
    for _ in 0..8 {
        let grpc = served.grpc().await;
        for _ in 0..8 {
            let (grpc, started) = (grpc.clone(), started.clone());
            callers.spawn(async move {
                loop {
                    let call = request("/test.Test/Wait", &[]);
                    match grpc.try_call(call, text("1")).await {
                        Ok(answer) => assert_eq!(answer.code(), 0),
                        // Refused before its handler ran: a client would use another node.
                        Err(error) => {
                            let known = error.is_go_away()
                                || error.reason() == Some(h2::Reason::REFUSED_STREAM);
                            assert!(known, "{error:?}");
                            return;
                        }
                    }
                    started.send_modify(|count| *count += 1);
                }
            });
        }
    }
    let mut count = started.subscribe();
    within(count.wait_for(|count| *count > 200)).await.unwrap();
    let drained = within(served.running.drain(GRACE)).await;
    assert_eq!(drained.cut, []);
    within(callers.join_all()).await;
    assert!(TcpStream::connect(address).await.is_err());
    let test = served.test;
    assert_eq!(
        test.started.load(Ordering::SeqCst),
        test.dropped.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn running_calls_finish_and_idle_connections_close() {
    let served = Served::new().await;
    let (grpc, idle) = (served.grpc().await, served.grpc().await);
    assert_eq!(idle.echo("a").await, "a");
    let mut http1 = served.tcp().await;
    let head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    http1.write_all(head).await.unwrap();
    let silent = served.tcp().await;
    let call = tokio::spawn(async move { grpc.call("/test.Test/Wait", &[], text("200")).await });
    until(|| served.test.started.load(Ordering::SeqCst) == 1).await;
    let drained = within(served.running.drain(GRACE)).await;
    assert_eq!(drained.cut, []);
    assert_eq!(call.await.unwrap().code(), 0);
    assert!(within(read_all(&mut http1)).await.ends_with("alive\n"));
    drop(silent);
}

#[tokio::test]
async fn stuck_call_is_cut_after_the_grace_and_named() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let call = request("/test.Test/Wait", &[]);
    let call = tokio::spawn(async move { grpc.try_call(call, text("60000")).await });
    until(|| served.test.started.load(Ordering::SeqCst) == 1).await;
    let drained = within(served.running.drain(Duration::from_millis(100))).await;
    let [cut] = &drained.cut[..] else {
        panic!("{drained:?}")
    };
    assert_eq!(cut.path, "/test.Test/Wait");
    assert!(cut.age >= Duration::from_millis(100));
    assert!(
        cut.to_string()
            .starts_with("`/test.Test/Wait` from 127.0.0.1:")
    );
    let answer = within(call).await.unwrap().unwrap();
    assert_eq!(answer.code(), 14);
    assert!(answer.message().contains("was cut"), "{answer:?}");
    // The handler has run, so a client must not retry the call on another node.
    assert!(!answer.says("micro-not-handled"), "{answer:?}");
    until(|| served.test.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn dropped_server_cuts_everything() {
    let served = Served::new().await;
    let address = served.running.local_address();
    let grpc = served.grpc().await;
    let call = request("/test.Test/Wait", &[]);
    let call = tokio::spawn(async move { grpc.try_call(call, text("60000")).await });
    until(|| served.test.started.load(Ordering::SeqCst) == 1).await;
    drop(served.running);
    assert!(within(call).await.unwrap().is_err());
    let test = served.test;
    until(|| test.dropped.load(Ordering::SeqCst) == 1).await;
    within(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn call_whose_request_is_not_there_at_the_end_of_the_drain_is_refused_as_not_handled() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut client = grpc.send.ready().await.unwrap();
    let call = request("/test.Test/Wait", &[]);
    let (response, _request) = client.send_request(call, false).unwrap();
    until(|| served.running.server.running_calls().len() == 1).await;
    within(served.running.drain(Duration::ZERO)).await;
    let response = within(response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["micro-not-handled"], "1");
    assert_eq!(served.test.counts(), (0, 0));
}

#[tokio::test]
async fn connections_that_wait_when_the_drain_begins_are_served() {
    let (config, router) = (Config::default(), Router::new());
    let server = Server::bind(config, router).await.unwrap();
    let address = server.local_address();
    let mut waiting = Vec::new();
    // More connections than tokio accepts in one poll of a task, and than the default backlog of
    // many systems holds.
    for _ in 0..300 {
        let mut tcp = within(TcpStream::connect(address)).await.unwrap();
        let head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        tcp.write_all(head).await.unwrap();
        waiting.push(tcp);
    }
    let drained = within(server.start().drain(GRACE)).await;
    assert_eq!(drained.cut, []);
    for (number, tcp) in waiting.iter_mut().enumerate() {
        let answer = within(read_all(tcp)).await;
        assert!(answer.ends_with("alive\n"), "{number}: {answer}");
    }
}

/// A server whose own timeouts are too long to end a drain.
async fn patient() -> Served {
    Served::with(|config| {
        let long = Duration::from_secs(3600);
        config.limits.header_timeout = long;
        config.limits.http1_keep_alive_timeout = long;
        config.limits.keep_alive_interval = long;
    })
    .await
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Sends a request over HTTP/1.1 and reads the response to `/healthz`.
async fn alive(tcp: &mut TcpStream) -> String {
    tcp.write_all(ALIVE).await.unwrap();
    response(tcp).await
}

/// Reads the response to `/healthz`, without the end of the connection.
async fn response(tcp: &mut TcpStream) -> String {
    let mut all = Vec::new();
    while !all.ends_with(b"alive\n") {
        let read = within(tcp.read_buf(&mut all)).await.unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&all));
    }
    String::from_utf8_lossy(&all).to_ascii_lowercase()
}

#[tokio::test]
async fn server_that_is_about_to_stop_serves_and_closes_http1_connections() {
    let served = Served::new().await;
    let (grpc, mut idle, mut busy) = (served.grpc().await, served.tcp().await, served.tcp().await);
    assert!(!alive(&mut idle).await.contains("connection: close"));
    assert!(!alive(&mut busy).await.contains("connection: close"));
    assert_eq!(served.running.connections(), 3);
    served.running.announce_stop();
    assert_eq!(served.health.unready().unwrap(), "the server is stopping");
    assert!(alive(&mut busy).await.contains("connection: close"));
    assert_eq!(within(read_all(&mut busy)).await, "");
    drop(busy);
    // New connections and idle ones are served as well.
    let mut new = served.tcp().await;
    assert!(alive(&mut new).await.contains("connection: close"));
    assert!(alive(&mut idle).await.contains("connection: close"));
    assert_eq!(grpc.echo("a").await, "a");
}

#[tokio::test]
async fn request_that_has_arrived_when_the_drain_begins_is_answered() {
    let served = Served::new().await;
    let mut connections = Vec::new();
    for _ in 0..20 {
        let mut tcp = served.tcp().await;
        alive(&mut tcp).await;
        connections.push(tcp);
    }
    // The runtime does not learn of these bytes before the drain begins: nothing is awaited.
    for tcp in &connections {
        assert_eq!(tcp.try_write(ALIVE).unwrap(), ALIVE.len());
    }
    let drained = tokio::spawn(served.running.drain(GRACE));
    for tcp in &mut connections {
        assert!(response(tcp).await.contains("connection: close"));
    }
    drop(connections);
    assert_eq!(within(drained).await.unwrap().cut, []);
}

#[tokio::test]
async fn http2_peer_that_is_silent_does_not_hold_the_drain() {
    let served = patient().await;
    let mut silent = served.tcp().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    silent.write_all(preface).await.unwrap();
    // The server's settings have arrived, so HTTP/2 has begun.
    assert!(within(silent.read_u8()).await.is_ok());
    within(served.running.drain(Duration::from_secs(3600))).await;
}

#[tokio::test]
async fn call_of_a_silent_http2_peer_finishes_during_the_drain() {
    let served = patient().await;
    let (send, mut connection) = h2::client::handshake(served.tcp().await).await.unwrap();
    let grpc = Grpc { send };
    let call = tokio::spawn(async move { grpc.call("/test.Test/Wait", &[], text("1500")).await });
    let test = Arc::clone(&served.test);
    within(async {
        while test.started.load(Ordering::SeqCst) == 0 {
            let tick = tokio::time::sleep(Duration::from_millis(1));
            tokio::select! { _ = &mut connection => panic!("closed"), () = tick => {} }
        }
    })
    .await;
    // The connection is not polled meanwhile, so the peer acknowledges nothing.
    let drained = within(served.running.drain(Duration::from_secs(3600))).await;
    assert_eq!(drained.cut, []);
    tokio::spawn(connection);
    assert_eq!(within(call).await.unwrap().code(), 0);
}

#[tokio::test]
async fn half_a_head_does_not_hold_the_drain() {
    let served = patient().await;
    let mut first = served.tcp().await;
    first.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    let mut second = served.tcp().await;
    alive(&mut second).await;
    second.write_all(b"GET / HT").await.unwrap();
    within(served.running.drain(Duration::from_secs(3600))).await;
}

#[tokio::test]
async fn head_that_is_complete_within_a_round_trip_is_answered() {
    let served = patient().await;
    let mut tcp = served.tcp().await;
    let (start, end) = ALIVE.split_at(20);
    tcp.write_all(start).await.unwrap();
    until(|| served.running.connections() == 1).await;
    let drained = tokio::spawn(served.running.drain(GRACE));
    until(|| served.health.unready().is_some()).await;
    tcp.write_all(end).await.unwrap();
    assert!(response(&mut tcp).await.contains("connection: close"));
    drop(tcp);
    within(drained).await.unwrap();
}
