//! Connect's streams and GET, over HTTP/1.1 and HTTP/2.

use serde_json::{Value, json};

use super::*;

const JSON: &str = "content-type: application/connect+json\r\n";

fn json_frame(text: &str) -> Bytes {
    frame(json!({ "text": text }).to_string().as_bytes())
}

/// Returns the texts of a body, joined, and its end.
fn told(body: &[u8]) -> (String, Value) {
    let mut all = frames(body);
    let (flag, end) = all.pop().unwrap();
    assert_eq!(flag, 2, "{all:?}");
    let texts = all.iter().map(|(flag, message)| {
        assert_eq!(*flag, 0);
        let message: Value = serde_json::from_slice(message).unwrap();
        message["text"].as_str().unwrap().to_owned()
    });
    let texts: Vec<_> = texts.collect();
    (texts.join(" "), serde_json::from_slice(&end).unwrap())
}

#[tokio::test]
async fn all_kinds_of_stream_in_both_versions_of_http() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let words = [json_frame("a"), json_frame("b")].concat();
    for (path, body, expected) in [
        ("/test.Test/Count", json_frame("3").to_vec(), "1 2 3"),
        ("/test.Test/Join", words.clone(), "ab"),
        ("/test.Test/Chat", words, "a b"),
    ] {
        let (head, answer) = served.post(path, JSON, &body).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains(JSON), "{head}");
        assert_eq!(told(&answer), (expected.into(), json!({})));
        let headers = [("content-type", "application/connect+json")];
        let answer = grpc.call(path, &headers, body.into()).await;
        assert_eq!(told(&answer.body), (expected.into(), json!({})));
        assert!(answer.trailers.is_empty());
    }
    let headers = [("content-type", "application/connect+proto")];
    let answer = grpc.call("/test.Test/Chat", &headers, text("proto")).await;
    let end = [2, 0, 0, 0, 2, b'{', b'}'];
    assert_eq!(answer.body, [&text("proto")[..], &end].concat());
}

#[tokio::test]
async fn duplex_over_http2() {
    let served = Served::new().await;
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let headers = [("content-type", "application/connect+proto")];
    let (response, mut requests) = send
        .send_request(request("/test.Test/Chat", &headers), false)
        .unwrap();
    let mut replies = within(response).await.unwrap().into_body();
    for said in ["one", "two"] {
        requests.send_data(text(said), false).unwrap();
        assert_eq!(within(replies.data()).await.unwrap().unwrap(), text(said));
    }
    requests.send_data(Bytes::new(), true).unwrap();
    let end = within(replies.data()).await.unwrap().unwrap();
    assert_eq!(frames(&end), [(2, b"{}".to_vec())]);
}

#[tokio::test]
async fn the_last_frame_carries_error_and_metadata() {
    let served = Served::new().await;
    let (head, body) = served
        .post("/test.Test/Tell", JSON, &json_frame("one fail"))
        .await;
    assert!(head.contains("before: 1\r\n"), "{head}");
    let (texts, end) = told(&body);
    assert_eq!(texts, "one");
    assert_eq!(end["error"]["code"], "aborted");
    assert_eq!(end["error"]["details"][0]["type"], "test.Text");
    assert_eq!(end["metadata"], json!({"after": ["2"]}));
    let (_, body) = served
        .post("/test.Test/Tell", JSON, &json_frame("one panic"))
        .await;
    assert_eq!(told(&body).1["error"]["code"], "internal");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_in_the_last_frame() {
    let served = Served::new().await;
    let timeout = format!("{JSON}connect-timeout-ms: 50\r\n");
    let version = format!("{JSON}connect-protocol-version: 2\r\n");
    let snappy = format!("{JSON}connect-content-encoding: snappy\r\n");
    let (hold, one) = ("/test.Test/Hold", json_frame("one"));
    let mut compressed = one.to_vec();
    compressed[0] = 1;
    let twice = [one.clone(), one.clone()].concat();
    for (headers, path, body, code) in [
        (&*timeout, hold, one.to_vec(), "deadline_exceeded"),
        (&*version, hold, one.to_vec(), "invalid_argument"),
        (&*snappy, hold, compressed.clone(), "unimplemented"),
        (JSON, hold, compressed, "internal"),
        (JSON, hold, Vec::new(), "unimplemented"),
        (JSON, hold, twice, "unimplemented"),
        (JSON, hold, one[..7].to_vec(), "invalid_argument"),
        (JSON, hold, b"\x02\0\0\0\x02{}".to_vec(), "invalid_argument"),
        (
            JSON,
            hold,
            b"\0\xff\xff\xff\xff".to_vec(),
            "resource_exhausted",
        ),
        (
            JSON,
            "/test.Test/Chat",
            one[..7].to_vec(),
            "invalid_argument",
        ),
        (
            JSON,
            "/test.Test/Join",
            frame(b"{").to_vec(),
            "invalid_argument",
        ),
    ] {
        let (head, answer) = served.post(path, headers, &body).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(told(&answer).1["error"]["code"], code, "{headers} {body:?}");
    }
}

#[tokio::test]
async fn shapes_that_do_not_fit_the_method_are_415_with_what_does() {
    let served = Served::new().await;
    for (content_type, path, accepted) in [
        (
            "application/connect+json",
            "/test.Test/Echo",
            "application/json, application/proto",
        ),
        (
            "application/json",
            "/test.Test/Chat",
            "application/connect+json, ",
        ),
        ("text/xml", "/test.Test/Chat", "application/grpc, "),
    ] {
        let headers = format!("content-type: {content_type}\r\n");
        let (head, _) = served.post(path, &headers, b"{}").await;
        assert!(head.starts_with("HTTP/1.1 415 "), "{head}");
        assert!(head.contains(&format!("accept-post: {accepted}")), "{head}");
    }
}

#[tokio::test]
async fn idempotent_methods_answer_get() {
    let served = Served::new().await;
    let get = async |path: &str, query: &str| {
        let request = format!(
            "GET /test.Test/{path}?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let (head, body) = served.exchange(request.as_bytes()).await;
        (head, String::from_utf8_lossy(&body).into_owned())
    };
    let message = "message=%7B%22text%22:%22a+b%22%7D";
    let (head, body) = get("Get", &format!("connect=v1&encoding=json&{message}")).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("trailer-after: 2\r\n"), "{head}");
    assert_eq!(body, r#"{"text":"a b"}"#);
    let (head, body) = get("Get", "encoding=proto&base64=1&message=CgFh").await;
    assert!(
        head.contains("content-type: application/proto\r\n"),
        "{head}"
    );
    assert_eq!(body, "\n\x01a");
    for (path, query, status) in [
        ("Get", "encoding=json", "400"),
        ("Get", "encoding=xml&message=", "415"),
        ("Get", "encoding=json&message=%zz", "400"),
        (
            "Get",
            &*format!("connect=v2&encoding=json&{message}"),
            "400",
        ),
        (
            "Get",
            &*format!("compression=snappy&encoding=json&{message}"),
            "501",
        ),
        ("Echo", &*format!("encoding=json&{message}"), "405"),
        ("Join", &*format!("encoding=json&{message}"), "405"),
        ("Tell", &*format!("encoding=json&{message}"), "406"),
    ] {
        let (head, _) = get(path, query).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path} {query} {head}"
        );
        let allowed = head.contains("allow: POST, OPTIONS\r\n");
        assert_eq!(allowed, status == "405", "{head}");
    }
}

#[tokio::test]
async fn callers_that_hang_up_in_mid_stream_drop_the_handler() {
    let served = Served::new().await;
    let body = json_frame("one");
    let bare = br#"{"text":"one"}"#;
    for (count, (headers, body)) in [
        (JSON, &body[..]),
        ("content-type: application/grpc-web+json\r\n", &body[..]),
        (
            "content-type: application/json\r\naccept: text/event-stream\r\n",
            bare,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut tcp = served.tcp().await;
        let length = body.len();
        let head = format!(
            "POST /test.Test/Hold HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        tcp.write_all(&[head.as_bytes(), body].concat())
            .await
            .unwrap();
        let mut first = [0; 1024];
        assert!(within(tcp.read(&mut first)).await.unwrap() > 0);
        assert_eq!(served.test.counts(), (count + 1, count));
        drop(tcp);
        until(|| served.test.counts() == (count + 1, count + 1)).await;
    }
    until(|| served.running.server.running_calls().is_empty()).await;
}

#[tokio::test]
async fn pages_of_other_sites_get_what_is_safe_only() {
    let served = Served::new().await;
    let get = async |path: &str, site: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{site}\
             accept: text/event-stream\r\n\r\n"
        );
        let (head, _) = served.exchange(request.as_bytes()).await;
        head.split(' ').nth(1).unwrap().to_owned()
    };
    let message = "encoding=json&message=%7B%22text%22:%22a%22%7D";
    let unary = format!("/test.Test/Get?{message}");
    let stream = format!("/test.Test/Tell?{message}");
    let safe = "/grpc.health.v1.Health/Check?encoding=json&message=%7B%7D";
    for (site, status) in [
        ("", "200"),
        ("sec-fetch-site: none\r\n", "200"),
        ("sec-fetch-site: same-origin\r\n", "200"),
        ("sec-fetch-site: cross-site\r\n", "403"),
        ("sec-fetch-site: same-site\r\n", "403"),
        ("origin: https://evil.example\r\n", "403"),
    ] {
        assert_eq!(get(&unary, site).await, status, "{site}");
        assert_eq!(get(&stream, site).await, status, "{site}");
        assert_eq!(get(safe, site).await, "200", "{site}");
    }
}
