//! Streams of responses: JSON lines, or server-sent events for clients that accept them.

use super::*;

/// Joins the chunks of a body.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

#[tokio::test]
async fn messages_are_lines_and_an_error_is_the_last() {
    let shop = shop().await;
    let reply = shop.get("/v1/watch/2").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let lines = "{\"result\":{\"count\":1}}\n{\"result\":{\"count\":2}}\n";
    assert_eq!(unchunked(&reply.body), lines);
    let reply = shop.get("/v1/watch/1!").await;
    assert_eq!(
        unchunked(&reply.body),
        "{\"result\":{\"count\":1}}\n{\"error\":{\"code\":\"data_loss\",\"message\":\"no more\"}}\n"
    );
    let reply = shop.get("/v1/watch/none").await;
    assert_eq!(
        (reply.status, reply.message().as_str()),
        (404, "nothing to watch")
    );
}

#[tokio::test]
async fn who_asks_for_events_gets_them() {
    let shop = shop().await;
    let reply = shop
        .http("GET /v1/watch/1", "accept: text/event-stream\r\n", "")
        .await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let body = unchunked(&reply.body);
    assert_eq!(
        body,
        "data: {\"count\":1}\n\nevent: end\nid: end\ndata: {}\n\n"
    );
}

#[tokio::test]
async fn messages_come_as_they_are_made_and_a_caller_that_leaves_ends_them() {
    let shop = shop().await;
    let mut tcp = shop.tcp().await;
    tcp.write_all(b"GET /v1/watch/forever HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&seen).contains("\"count\":1") {
        let count = within(tcp.read(&mut buffer)).await.unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&buffer[..count]);
    }
    drop(tcp);
    until(|| shop.test.dropped.load(Ordering::SeqCst) == 1).await;
    let reply = shop
        .http("GET /v1/watch/forever", "connect-timeout-ms: 50\r\n", "")
        .await;
    assert!(
        unchunked(&reply.body).contains("deadline_exceeded"),
        "{reply:?}"
    );
    until(|| shop.test.dropped.load(Ordering::SeqCst) == 2).await;
}
