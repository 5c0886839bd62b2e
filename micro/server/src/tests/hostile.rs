//! Garbage, silent and half-open connections: the server closes them in time and serves other calls
//! meanwhile.

use super::*;

#[tokio::test]
async fn garbage_is_closed_or_refused() {
    let served = Served::new().await;
    let garbage: [&[u8]; 7] = [
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a frame of settings",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ];
    for bytes in garbage {
        let answer = served.raw(bytes).await;
        assert!(!answer.contains(" 200 "), "{bytes:?}: {answer}");
    }
    let huge = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = served.raw(huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(served.grpc().await.echo("still here").await, "still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_slow_and_half_open_connections_are_closed_while_calls_go_on() {
    let served = Served::with(|config| {
        config.limits.header_timeout = Duration::from_millis(500);
        config.limits.keep_alive_interval = Duration::from_millis(300);
        config.limits.keep_alive_timeout = Duration::from_millis(200);
    })
    .await;
    let starts: [&[u8]; 5] = [
        b"",
        b"PRI * HT",
        b"GET / HTTP/1.1\r\nhost: x\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x01\x04\0\0\0\x01\x82",
    ];
    let grpc = served.grpc().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let caller = tokio::spawn({
        let calls = Arc::clone(&calls);
        async move {
            loop {
                assert_eq!(grpc.echo("hello").await, "hello");
                calls.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut open = Vec::new();
    for index in 0..1000 {
        let mut tcp = served.tcp().await;
        tcp.write_all(starts[index % starts.len()]).await.unwrap();
        open.push(tcp);
    }
    let before = calls.load(Ordering::SeqCst);
    for tcp in &mut open {
        within(read_all(tcp)).await;
    }
    until(|| calls.load(Ordering::SeqCst) > before + 10).await;
    assert!(!caller.is_finished());
    caller.abort();
}

#[tokio::test]
async fn idle_http1_connections_are_closed() {
    let served = Served::with(|config| {
        config.limits.http1_keep_alive_timeout = Duration::from_millis(50);
    })
    .await;
    let response = served
        .raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert!(response.ends_with("alive\n"), "{response}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    connections_beyond_a_limit_are_closed(|limits| limits.max_connections = 2).await;
}

#[tokio::test]
async fn connections_of_an_address_beyond_its_limit_are_closed() {
    connections_beyond_a_limit_are_closed(|limits| limits.max_connections_per_address = Some(2))
        .await;
}

async fn connections_beyond_a_limit_are_closed(limit: fn(&mut crate::Limits)) {
    let served = Served::with(|config| limit(&mut config.limits)).await;
    let first = served.grpc().await;
    assert_eq!(first.echo("a").await, "a");
    let second = served.grpc().await;
    assert_eq!(second.echo("b").await, "b");
    assert_eq!(served.raw(b"").await, "");
    assert_eq!(first.echo("still here").await, "still here");
}

#[tokio::test]
async fn calls_beyond_the_streams_of_a_connection_wait() {
    let served = Served::with(|config| config.limits.max_streams = 2).await;
    let grpc = served.grpc().await;
    assert_eq!(grpc.echo("settings are known now").await.len(), 22);
    let calls = (0..6).map(|_| {
        let grpc = grpc.clone();
        tokio::spawn(async move { grpc.call("/test.Test/Wait", &[], text("20")).await.code() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(within(call).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn peer_that_takes_nothing_is_given_up() {
    let served = Served::with(|config| {
        config.limits.stall_timeout = Duration::from_millis(100);
    })
    .await;
    let mut tcp = served.tcp().await;
    let text = "x".repeat(1 << 20);
    let call = format!(
        "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{{\"text\":\"{text}\"}}",
        text.len() + 11
    );
    // The client sends calls without end and reads no responses: the server stops reading and
    // closes the connection.
    let writing = async { while tcp.write_all(call.as_bytes()).await.is_ok() {} };
    within(writing).await;
    assert_eq!(served.grpc().await.echo("still here").await, "still here");
}

#[tokio::test]
async fn port_in_use_names_address_and_remedy() {
    let served = Served::new().await;
    let address = served.running.local_address().to_string();
    let error = Server::bind(Config::new(&address), Router::new()).await;
    let error = error.unwrap_err();
    assert!(error.message().contains(&address), "{error}");
    assert!(error.message().contains("set another port"), "{error}");
    for bad in ["nonsense", "localhost", "127.0.0.1:99999", "192.0.2.1:0"] {
        let error = Server::bind(Config::new(bad), Router::new()).await;
        let error = error.unwrap_err();
        assert!(error.message().contains(&format!("`{bad}`")), "{error}");
    }
}
