//! Server-sent events.

use super::*;

const EVENTS: &str = "content-type: application/json\r\naccept: text/event-stream\r\n";

#[tokio::test]
async fn messages_are_events_of_json_and_the_end_is_one() {
    let served = Served::new().await;
    let request = br#"{"text":"one two"}"#;
    let (head, body) = served.post("/test.Test/Tell", EVENTS, request).await;
    assert!(
        head.contains("content-type: text/event-stream\r\n"),
        "{head}"
    );
    assert!(head.contains("cache-control: no-cache\r\n"), "{head}");
    assert!(head.contains("before: 1\r\n"), "{head}");
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "data: {\"text\":\"one\"}\n\ndata: {\"text\":\"two\"}\n\n\
         event: end\nid: end\ndata: {\"metadata\":{\"after\":[\"2\"]}}\n\n"
    );
    let grpc = served.grpc().await;
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let answer = grpc
        .call("/test.Test/Tell", &headers, request[..].into())
        .await;
    assert!(
        answer
            .body
            .ends_with(b"event: end\nid: end\ndata: {\"metadata\":{\"after\":[\"2\"]}}\n\n")
    );
}

#[tokio::test]
async fn failures_are_connect_s() {
    let served = Served::new().await;
    let request = br#"{"text":"one fail"}"#;
    let (_, body) = served.post("/test.Test/Tell", EVENTS, request).await;
    let body = String::from_utf8(body).unwrap();
    let (events, error) = body.split_once("event: error\nid: end\ndata: ").unwrap();
    assert_eq!(events, "data: {\"text\":\"one\"}\n\n");
    let error: serde_json::Value = serde_json::from_str(error).unwrap();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&"aborted".into(), &"no more".into())
    );
    // Before the stream begins, an error is sent as an HTTP status.
    let (head, body) = served.post("/test.Test/Tell", EVENTS, b"{").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("invalid_argument")
    );
}

#[tokio::test]
async fn idempotent_streams_answer_get() {
    let served = Served::new().await;
    let request = "GET /test.Test/Tell?message={%22text%22:%22a%22} HTTP/1.1\r\nhost: x\r\n\
                   accept: text/event-stream\r\nconnection: close\r\n\r\n";
    let (_, body) = served.exchange(request.as_bytes()).await;
    assert!(body.starts_with(b"data: {\"text\":\"a\"}\n\n"), "{body:?}");
}

#[tokio::test]
async fn a_browser_that_comes_back_after_the_end_is_told_to_stay_away() {
    let served = Served::new().await;
    let get = |id: &str| {
        format!(
            "GET /test.Test/Tell?message={{%22text%22:%22a%22}} HTTP/1.1\r\nhost: x\r\n\
             accept: text/event-stream\r\nlast-event-id: {id}\r\nconnection: close\r\n\r\n"
        )
    };
    let (head, body) = served.exchange(get("end").as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    assert!(body.is_empty(), "{body:?}");
    let (head, _) = served.exchange(get("7").as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_comments() {
    let served = Served::with(|config| {
        // The paused clock advances faster than the sockets, which must not count as a stall.
        config.limits.stall_timeout = Duration::from_secs(10_000);
        config.limits.header_timeout = Duration::from_secs(10_000);
    })
    .await;
    let mut tcp = served.tcp().await;
    let body = r#"{"text":"one"}"#;
    let length = body.len();
    let head = format!(
        "POST /test.Test/Hold HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{EVENTS}\r\n{body}"
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let comments = |seen: &[u8]| {
        String::from_utf8_lossy(seen)
            .matches(": keep-alive\n\n")
            .count()
    };
    while comments(&seen) < 3 {
        assert!(tcp.read_buf(&mut seen).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn health_can_be_watched_with_curl() {
    let served = Served::new().await;
    let mut tcp = served.tcp().await;
    let request = "GET /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: x\r\n\
                   accept: text/event-stream\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    for status in ["SERVING", "NOT_SERVING"] {
        let expected = format!("data: {{\"status\":\"{status}\"}}\n\n");
        while !String::from_utf8_lossy(&seen).contains(&expected) {
            assert!(within(tcp.read_buf(&mut seen)).await.unwrap() > 0);
        }
        served.health.not_serving("tired");
    }
}
