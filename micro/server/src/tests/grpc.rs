//! gRPC: all four kinds of call, statuses, metadata, deadlines, cancellation.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test]
async fn unary_call_answers_message_and_status() {
    let served = Served::new().await;
    let answer = served
        .grpc()
        .await
        .call("/test.Test/Echo", &[], text("hello"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert!(!answer.headers.contains_key("grpc-status"));
    assert_eq!((answer.code(), answer.texts()), (0, vec!["hello".into()]));
}

#[tokio::test]
async fn json_is_a_codec_of_grpc() {
    let served = Served::new().await;
    let json = [("content-type", "application/grpc+json")];
    let answer = served
        .grpc()
        .await
        .call("/test.Test/Echo", &json, frame(br#"{"text":"a"}"#))
        .await;
    assert_eq!(answer.headers["content-type"], "application/grpc+json");
    assert_eq!(&answer.body[5..], br#"{"text":"a"}"#);
}

#[tokio::test]
async fn failed_call_answers_status_details_and_metadata_in_headers() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Fail", &[], text("a % b")).await;
    assert_eq!((answer.status, answer.code()), (200, 10));
    assert_eq!(answer.message(), "a %25 b");
    assert_eq!(answer.headers["hint"], "later");
    assert!(answer.headers.contains_key("grpc-status-details-bin"));
    assert!(answer.trailers.is_empty() && answer.body.is_empty());
}

#[tokio::test]
async fn metadata_goes_both_ways() {
    let served = Served::new().await;
    let headers = [
        ("Tenant", "acme"),
        ("key-bin", "AAEC"),
        ("user-agent", "x"),
        ("x-user-agent", "grpc-web-javascript/0.1"),
        ("grpc-accept-encoding", "gzip"),
    ];
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Meta", &headers, text("")).await;
    assert_eq!(
        answer.texts(),
        [r#"[("key-bin", "AAEC"), ("tenant", "acme")]"#]
    );
    assert_eq!(answer.headers["answer"], "42");
    assert_eq!(answer.headers["trace-bin"], "AAEC");
}

#[tokio::test]
async fn handler_reads_headers_that_are_not_metadata() {
    let served = Served::new().await;
    let headers = [("tenant", "acme"), ("user-agent", "x"), ("accept", "a/b")];
    let grpc = served.grpc().await;
    for _ in 0..2 {
        let answer = grpc.call("/test.Test/Headers", &headers, text("")).await;
        assert_eq!(
            answer.texts(),
            [r#"[Some("test"), Some("x"), Some("a/b"), None, None]"#]
        );
    }
    let answer = grpc.call("/test.Test/Headers", &[], text("")).await;
    assert_eq!(
        answer.texts(),
        [r#"[Some("test"), None, None, None, None]"#]
    );
}

#[tokio::test]
async fn metadata_that_the_handler_cannot_set_is_an_internal_error() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    for key in ["x-user", "content-type"] {
        let answer = grpc.call("/test.Test/MetaBad", &[], text(key)).await;
        assert_eq!(answer.code(), 13, "{key}");
        assert!(
            answer.message().contains(&format!("`{key}`")),
            "{}",
            answer.message()
        );
    }
}

#[tokio::test]
async fn too_much_metadata_is_refused_with_both_sizes() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let long = "x".repeat(20 << 10);
    let answer = grpc
        .call("/test.Test/Echo", &[("a", &long)], text("a"))
        .await;
    assert_eq!(answer.code(), 8);
    assert_eq!(
        answer.message(),
        "the metadata takes 20481 bytes; this server accepts at most 16384"
    );
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test]
async fn streams_of_every_kind() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Count", &[], text("3")).await;
    assert_eq!(
        (answer.code(), answer.texts().join(",")),
        (0, "1,2,3".into())
    );
    let three = Bytes::from([text("a"), text("b"), text("c")].concat());
    let answer = grpc.call("/test.Test/Join", &[], three.clone()).await;
    assert_eq!((answer.code(), answer.texts().concat()), (0, "abc".into()));
    let answer = grpc.call("/test.Test/Chat", &[], three).await;
    assert_eq!(
        (answer.code(), answer.texts().join(",")),
        (0, "a,b,c".into())
    );
}

#[tokio::test]
async fn bidirectional_messages_are_answered_before_the_next_is_sent() {
    let served = Served::new().await;
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let (response, mut requests) = send
        .send_request(request("/test.Test/Chat", &[]), false)
        .unwrap();
    requests.send_data(text("one"), false).unwrap();
    let mut replies = within(response).await.unwrap().into_body();
    for said in ["one", "two", "three"] {
        if said != "one" {
            requests.send_data(text(said), false).unwrap();
        }
        let reply = within(replies.data()).await.unwrap().unwrap();
        assert_eq!(reply, text(said));
    }
    requests.send_data(Bytes::new(), true).unwrap();
    assert!(within(replies.data()).await.is_none());
    let trailers = replies.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn error_in_mid_stream_comes_as_trailers() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Count", &[], text("50")).await;
    assert_eq!(answer.texts().len(), 12);
    assert_eq!(answer.trailers["grpc-status"], "11");
    assert_eq!(answer.message(), "thirteen");
}

#[tokio::test]
async fn panic_is_internal_and_the_connection_lives() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Panic", &[], text("x")).await;
    assert_eq!(answer.code(), 13);
    assert!(!answer.message().contains("secret"), "{}", answer.message());
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test]
async fn deadline_is_answered_with_method_and_time_and_drops_the_handler() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let headers = [("grpc-timeout", "50m")];
    let answer = grpc.call("/test.Test/Wait", &headers, text("60000")).await;
    assert_eq!(answer.code(), 4);
    assert!(answer.message().contains("/test.Test/Wait"), "{answer:?}");
    assert!(answer.message().contains("ms"), "{answer:?}");
    until(|| served.test.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn bad_timeout_is_refused_with_a_remedy() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let headers = [("grpc-timeout", "soon")];
    let answer = grpc.call("/test.Test/Echo", &headers, text("a")).await;
    assert_eq!(answer.code(), 3);
    assert!(answer.message().contains("`grpc-timeout: soon`"));
}

#[tokio::test]
async fn reset_of_the_call_drops_the_handler() {
    let served = Served::new().await;
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let (response, mut stream) = send
        .send_request(request("/test.Test/Wait", &[]), false)
        .unwrap();
    stream.send_data(text("60000"), true).unwrap();
    let response = tokio::spawn(response);
    until(|| served.test.started.load(Ordering::SeqCst) == 1).await;
    stream.send_reset(h2::Reason::CANCEL);
    until(|| served.test.dropped.load(Ordering::SeqCst) == 1).await;
    assert!(response.await.unwrap().is_err());
}

#[tokio::test]
async fn lost_connection_drops_its_handlers() {
    let served = Served::new().await;
    let (send, connection) = h2::client::handshake(served.tcp().await).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut send = send.ready().await.unwrap();
    for _ in 0..10 {
        let (_, mut stream) = send
            .send_request(request("/test.Test/Wait", &[]), false)
            .unwrap();
        stream.send_data(text("60000"), true).unwrap();
        std::mem::forget(stream);
    }
    until(|| served.test.started.load(Ordering::SeqCst) == 10).await;
    connection.abort();
    until(|| served.test.dropped.load(Ordering::SeqCst) == 10).await;
}

#[tokio::test]
async fn unknown_paths_list_what_is_known() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Nope", &[], text("a")).await;
    assert_eq!((answer.status, answer.code()), (200, 12));
    assert!(answer.message().contains("`/test.Test/Echo`"));
    let answer = grpc.call("/no.Service/Nope", &[], text("a")).await;
    assert!(answer.message().contains("`test.Test`"), "{answer:?}");
}

#[tokio::test]
async fn oversized_message_is_refused_at_its_prefix() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let large = text(&"x".repeat(5 << 20));
    for body in [large.clone(), large.slice(..5)] {
        let answer = grpc.call("/test.Test/Echo", &[], body).await;
        assert_eq!(answer.code(), 8);
        assert_eq!(
            answer.message(),
            "the message takes 5242885 bytes; this method accepts at most 4194304"
        );
    }
    assert_eq!(grpc.echo("still here").await, "still here");
    let largest = "x".repeat((4 << 20) - 5);
    assert_eq!(grpc.echo(&largest).await.len(), largest.len());
}

#[tokio::test]
async fn compressed_messages_are_refused_naming_the_encoding() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut body = text("a").to_vec();
    body[0] = 1;
    let body = Bytes::from(body);
    let snappy = [("grpc-encoding", "snappy")];
    let answer = grpc.call("/test.Test/Echo", &snappy, body.clone()).await;
    assert_eq!(answer.code(), 12);
    assert!(answer.message().contains("`snappy`"), "{answer:?}");
    let accepted = micro_wire::Compression::accepted();
    assert_eq!(answer.headers["grpc-accept-encoding"], accepted);
    let answer = grpc.call("/test.Test/Echo", &[], body).await;
    assert_eq!(answer.code(), 13);
}

#[tokio::test]
async fn malformed_framing_says_what_is_wrong() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let twice = Bytes::from([text("a"), text("b")].concat());
    for (body, code, expected) in [
        (text("hello").slice(..3), 3, "ends after 3 of the 5 bytes"),
        (text("hello").slice(..8), 3, "ends after 3 of the 7 bytes"),
        (Bytes::from_static(b"\x07aaaaa"), 3, "not with 7"),
        (frame(b"\xff\xff"), 3, "`text` is malformed"),
        (twice, 12, "second message"),
        (Bytes::new(), 12, "ends before its message"),
    ] {
        let answer = grpc.call("/test.Test/Echo", &[], body).await;
        assert_eq!(answer.code(), code, "{answer:?}");
        assert!(answer.message().contains(expected), "{answer:?}");
    }
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test]
async fn request_that_stalls_is_given_up() {
    let served = Served::with(|config| {
        config.limits.stall_timeout = Duration::from_millis(50);
    })
    .await;
    let grpc = served.grpc().await;
    let mut send = grpc.send.clone().ready().await.unwrap();
    let (response, mut stream) = send
        .send_request(request("/test.Test/Echo", &[]), false)
        .unwrap();
    stream.send_data(text("hello").slice(..8), false).unwrap();
    let response = within(response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_each_get_their_own_answer() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let grpc = grpc.clone();
        callers.spawn(async move {
            for call in 0..50 {
                let said = format!("{caller} {call} {}", "x".repeat(call * 100));
                assert_eq!(grpc.echo(&said).await, said);
            }
        });
    }
    within(callers.join_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_and_calls_that_do_not_are_all_answered() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let grpc = grpc.clone();
        callers.spawn(async move {
            for call in 0..20 {
                let path = ["/test.Test/Echo", "/test.Test/Wait"][(caller + call) % 2];
                let said = (call % 3).to_string();
                let answer = grpc.call(path, &[], text(&said)).await;
                assert_eq!(answer.texts(), [said]);
            }
        });
    }
    within(callers.join_all()).await;
}
