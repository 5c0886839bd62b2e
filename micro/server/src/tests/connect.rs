//! Connect's unary calls over HTTP/1 and HTTP/2.

use super::*;

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

const CLOSE: &str = "connection: close\r\n";

fn body(response: &str) -> serde_json::Value {
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {response}"))
}

#[tokio::test]
async fn json_over_http1() {
    let served = Served::new().await;
    let call = post("/test.Test/Echo", CLOSE, r#"{"text":"Ada"}"#);
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("content-type: application/json\r\n"));
    assert!(response.contains("content-length: 14\r\n"));
    assert_eq!(body(&response)["text"], "Ada");
}

#[tokio::test]
async fn handler_reads_headers_over_http1_and_blames_itself_for_bad_metadata() {
    let served = Served::new().await;
    let headers = "user-agent: curl/8.5.0\r\naccept: */*\r\nconnection: close\r\n";
    let call = post("/test.Test/Headers", headers, r#"{"text":""}"#);
    let response = served.raw(call.as_bytes()).await;
    let expected = r#"[Some("test"), Some("curl/8.5.0"), Some("*/*"), None, None]"#;
    assert_eq!(body(&response)["text"], expected);

    let call = post("/test.Test/MetaBad", CLOSE, r#"{"text":"x-user"}"#);
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    let error = body(&response);
    assert_eq!(error["code"], "internal");
    assert!(
        error["message"].as_str().unwrap().contains("`x-user`"),
        "{error}"
    );
}

#[tokio::test]
async fn connections_are_kept_and_pipelined_requests_answered_in_order() {
    let served = Served::new().await;
    let calls = post("/test.Test/Echo", "", r#"{"text":"one"}"#)
        + &post("/test.Test/Wait", "", r#"{"text":"20"}"#)
        + &post("/test.Test/Echo", CLOSE, r#"{"text":"three"}"#);
    let response = served.raw(calls.as_bytes()).await;
    assert_eq!(response.matches("HTTP/1.1 200 OK").count(), 3);
    let order: Vec<_> = ["one", "20", "three"]
        .iter()
        .map(|text| response.find(&format!("\"{text}\"")).unwrap())
        .collect();
    assert!(order.is_sorted(), "{response}");
}

#[tokio::test]
async fn whoever_may_get_may_ask_for_the_head() {
    let served = Served::new().await;
    let head = "HEAD /test.Test/Get?connect=v1&encoding=json&message={%22text%22:%22a%22} \
                HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let response = served.raw(head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("content-length: 12\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
}

#[tokio::test]
async fn answers_over_http2_have_a_date_unless_they_are_grpc() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let json = [("content-type", "application/json")];
    let answer = grpc
        .call("/test.Test/Echo", &json, r#"{"text":"a"}"#.into())
        .await;
    let date = answer.headers["date"].to_str().unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    let answer = grpc.call("/test.Test/Echo", &[], text("a")).await;
    assert!(answer.headers.get("date").is_none(), "{answer:?}");
}

#[tokio::test]
async fn protobuf_and_json_over_http2() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let json = [("content-type", "application/json")];
    let answer = grpc
        .call("/test.Test/Echo", &json, r#"{"text":"a"}"#.into())
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.body[..], br#"{"text":"a"}"#);
    let proto = [("content-type", "application/proto")];
    let message = text("a").slice(5..);
    let answer = grpc.call("/test.Test/Echo", &proto, message.clone()).await;
    assert_eq!(answer.headers["content-type"], "application/proto");
    assert_eq!(answer.body, message);
}

#[tokio::test]
async fn errors_have_connect_s_status_and_json() {
    let served = Served::new().await;
    let call = post("/test.Test/Fail", CLOSE, r#"{"text":"oh no"}"#);
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 409 "), "{response}");
    assert!(response.contains("hint: later\r\n"), "{response}");
    let error = body(&response);
    assert_eq!(
        error,
        serde_json::json!({
            "code": "aborted",
            "message": "oh no",
            "details": [{"type": "test.Text", "value": "CgF4"}],
        })
    );
}

#[tokio::test]
async fn bad_input_names_the_field() {
    let served = Served::new().await;
    let call = post("/test.Test/Echo", CLOSE, r#"{"text":7}"#);
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let error = body(&response);
    assert_eq!(error["code"], "invalid_argument");
    assert!(error["message"].as_str().unwrap().contains("`text`"));
}

#[tokio::test]
async fn panic_is_internal_and_the_connection_lives() {
    let served = Served::new().await;
    let calls = post("/test.Test/Panic", "", r#"{"text":"x"}"#)
        + &post("/test.Test/Echo", CLOSE, r#"{"text":"still here"}"#);
    let response = served.raw(calls.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert!(response.contains("still here"), "{response}");
    assert!(!response.contains("secret"), "{response}");
}

#[tokio::test]
async fn timeouts_are_milliseconds() {
    let served = Served::new().await;
    let headers = format!("connect-timeout-ms: 50\r\nconnect-protocol-version: 1\r\n{CLOSE}");
    let call = post("/test.Test/Wait", &headers, r#"{"text":"60000"}"#);
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    assert_eq!(body(&response)["code"], "deadline_exceeded");
    for bad in ["connect-timeout-ms: soon", "connect-protocol-version: 2"] {
        let call = post("/test.Test/Echo", &format!("{bad}\r\n{CLOSE}"), "{}");
        let response = served.raw(call.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        assert!(response.contains(bad), "{response}");
    }
}

#[tokio::test]
async fn oversized_bodies_are_refused_announced_or_not() {
    let served = Served::with(|config| config.limits.max_message_size = 1000).await;
    let call = post("/test.Test/Echo", CLOSE, &"x".repeat(2000));
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 429 "), "{response}");
    assert!(response.contains("2000 bytes") && response.contains("at most 1000"));
    let chunk = "x".repeat(600);
    let call = format!(
        "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         258\r\n{chunk}\r\n258\r\n{chunk}\r\n0\r\n\r\n"
    );
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 429 "), "{response}");
}

#[tokio::test]
async fn chunked_bodies_are_put_together() {
    let served = Served::new().await;
    let call = "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
        5\r\n{\"tex\r\n9\r\nt\":\"Ada\"}\r\n0\r\n\r\n";
    let response = served.raw(call.as_bytes()).await;
    assert_eq!(body(&response)["text"], "Ada");
}

#[tokio::test]
async fn unknown_compression_and_other_kinds_of_call_are_refused_clearly() {
    let served = Served::new().await;
    let headers = format!("content-encoding: snappy\r\n{CLOSE}");
    let call = post("/test.Test/Echo", &headers, "{}");
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 501 "), "{response}");
    assert!(response.contains("`snappy`"), "{response}");
    let call = post("/test.Test/Chat", CLOSE, "{}");
    let response = served.raw(call.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 415 "), "{response}");
    assert!(response.contains("application/connect+json"), "{response}");
}

#[tokio::test]
async fn caller_that_hangs_up_cancels_its_call() {
    let served = Served::new().await;
    let mut tcp = served.tcp().await;
    let call = post("/test.Test/Wait", "", r#"{"text":"60000"}"#);
    tcp.write_all(call.as_bytes()).await.unwrap();
    until(|| served.test.started.load(Ordering::SeqCst) == 1).await;
    drop(tcp);
    until(|| served.test.dropped.load(Ordering::SeqCst) == 1).await;
}
