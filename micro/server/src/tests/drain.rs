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
