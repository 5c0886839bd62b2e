//! Unary calls: requests, responses and errors.

use super::*;

#[tokio::test]
async fn path_and_query_make_a_request() {
    let shop = shop().await;
    let headers = "tenant: acme\r\naccept: text/html, */*\r\n";
    let reply = shop
        .http(
            "GET /v1/top/items?page_size=3&tags=a&tags=b%20c",
            headers,
            "",
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("answer"), Some("42"));
    let json = reply.json();
    assert_eq!(json["seen"], r#"top Some(3) ["a", "b c"] acme rest"#);
    assert_eq!(json["items"][0]["name"], "a");
}

#[tokio::test]
async fn the_same_over_http2() {
    let grpc = shop().await;
    let client = grpc.grpc().await;
    let get = Request::get("http://shop/v1/top/items?page_size=3")
        .body(())
        .unwrap();
    let answer = within(client.try_call(get, Bytes::new())).await.unwrap();
    assert_eq!(answer.status, 200);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["seen"], "top Some(3) [] - rest");
    let post = Request::post("http://shop/v1/top/items").header("content-type", "application/json");
    let body = Bytes::from_static(br#"{"name": "b"}"#);
    let answer = within(client.try_call(post.body(()).unwrap(), body))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (200, &br#"{"name":"top/b"}"#[..])
    );
}

#[tokio::test]
async fn bodies_fill_a_field_or_everything() {
    let shop = shop().await;
    let body = r#"{"name": "b", "count": 2}"#;
    let reply = shop.http("POST /v1/top/items?note=x", JSON, body).await;
    assert_eq!(reply.body, r#"{"name":"top/b","count":2}"#);
    let body = r#"{"pageSize": 9, "shelf": "other"}"#;
    let reply = shop.http("POST /v1/top/items:search", JSON, body).await;
    assert_eq!(reply.json()["seen"], "top Some(9) [] - rest");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let reply = shop
        .http("POST /v1/top/items:search", form, "pageSize=9&tags=%26")
        .await;
    assert_eq!(reply.json()["seen"], r#"top Some(9) ["&"] - rest"#);
    let reply = shop.http("POST /v1/top/items:search", "", "").await;
    assert_eq!(reply.json()["seen"], "top None [] - rest");
    let chunked = "transfer-encoding: chunked\r\ncontent-type: application/json\r\n";
    let request = format!(
        "POST /v1/top/items HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{chunked}\r\n\
         5\r\n{{\"nam\r\n8\r\ne\": \"b\"}}\r\n0\r\n\r\n"
    );
    let response = shop.raw(request.as_bytes()).await;
    assert!(response.ends_with(r#"{"name":"top/b"}"#), "{response}");
}

#[tokio::test]
async fn an_empty_reply_is_an_empty_object() {
    let reply = shop().await.http("DELETE /v1/items/a%2Fb", "", "").await;
    assert_eq!((reply.status, &*reply.body), (200, "{}"));
}

#[tokio::test]
async fn one_field_of_the_reply_is_the_response() {
    let shop = shop().await;
    let reply = shop.get("/v1/items/b/title?note=c").await;
    assert_eq!((reply.status, &*reply.body), (200, "\"b c\""));
    assert_eq!(reply.header("vary"), Some("accept"));
    let plain = "content-type: text/plain; charset=utf-8\r\naccept: text/plain\r\n";
    let reply = shop
        .http("PUT /v1/items/b/title", plain, "a \"quoted\" line\n")
        .await;
    assert_eq!(reply.body, "b a \"quoted\" line\n");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let reply = shop.http("PUT /v1/items/b/title", plain, "").await;
    assert_eq!(reply.body, "b ");
}

#[tokio::test]
async fn bytes_go_in_and_out_as_they_are() {
    let shop = shop().await;
    let bytes = "content-type: application/octet-stream\r\n";
    let reply = shop.http("PUT /v1/photos/a", bytes, "\0\u{1}\"").await;
    assert_eq!(reply.body, "\"AAEi\"");
    let raw = format!("{bytes}accept: image/png, application/octet-stream;q=0.9\r\n");
    let reply = shop.http("PUT /v1/photos/a", &raw, "\0\u{1}\"").await;
    assert_eq!(reply.body, "\0\u{1}\"");
    assert_eq!(
        reply.header("content-type"),
        Some("application/octet-stream")
    );
    let reply = shop.http("PUT /v1/photos/a", JSON, "\"AAEi\"").await;
    assert_eq!(reply.body, "\"AAEi\"");
    let reply = shop.http("PUT /v1/photos/a", JSON, "").await;
    assert_eq!(reply.body, "\"\"");
}

#[tokio::test]
async fn errors_have_status_code_message_and_details() {
    let shop = shop().await;
    for kind in micro_message::error::ErrorKind::ALL {
        let reply = shop.get(&format!("/v1/fail/{}", kind.name())).await;
        assert_eq!(reply.status, kind.http_status(), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("hint"), Some("later"));
        let details = serde_json::json!([{"type": "test.Text", "value": "CgF4"}]);
        assert_eq!(
            reply.json(),
            serde_json::json!({"code": kind.name(), "message": "no „x“", "details": details})
        );
    }
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_right() {
    let shop = shop().await;
    for (line, headers, body, status, expected) in [
        (
            "GET /v1/top/items?size=1",
            "",
            "",
            400,
            "no parameter `size`; known: `page_size`, `tags`",
        ),
        (
            "GET /v1/top/items?page_size=x",
            "",
            "",
            400,
            "`page_size`: `x` is not an unsigned 32-bit number",
        ),
        (
            "GET /v1/top/items?tags=%",
            "",
            "",
            400,
            "`tags`: `%` needs two hexadecimal digits",
        ),
        (
            "GET /v1/%ff/items",
            "",
            "",
            400,
            "`shelf` in the path: it is not UTF-8",
        ),
        (
            "GET /v1/top/items",
            "",
            "{}",
            400,
            "`GET /v1/{shelf}/items` takes no body",
        ),
        (
            "POST /v1/top/items",
            JSON,
            "{",
            400,
            "cannot read the body as JSON",
        ),
        (
            "GET /v1/items/x/title?item.photo=*",
            "",
            "",
            400,
            "cannot read field `item.photo` of `shop.CreateRequest`: ",
        ),
        (
            "POST /v1/top/items",
            JSON,
            r#"{"count": "x"}"#,
            400,
            "field `item.count`",
        ),
        (
            "POST /v1/top/items",
            "",
            "{}",
            415,
            "no content type; for JSON, add `-H 'content-type: application/json'`; `POST \
             /v1/{shelf}/items` accepts",
        ),
        (
            "POST /v1/top/items",
            "content-type: text/xml\r\n",
            "<a/>",
            415,
            "`content-type: text/xml`; `POST /v1/{shelf}/items` accepts: application/json",
        ),
        (
            "POST /v1/top/items",
            "content-type: application/json; charset=latin1\r\n",
            "{}",
            415,
            "charset=latin1`",
        ),
        (
            "PUT /v1/photos/a",
            "content-type: image/png\r\n",
            "x",
            415,
            "accepts: application/json, application/octet-stream",
        ),
    ] {
        let reply = shop.http(line, headers, body).await;
        assert_eq!(reply.status, status, "{line}: {reply:?}");
        assert_eq!(reply.json()["code"], "invalid_argument");
        assert!(reply.message().contains(expected), "{line}: {reply:?}");
        // Only a text that the client has sent as JSON has lines and columns.
        let is_json = expected == "cannot read the body as JSON";
        assert_eq!(reply.message().contains(" column "), is_json, "{reply:?}");
    }
}

#[tokio::test]
async fn limits_deadlines_and_cancellation_are_those_of_every_call() {
    let shop = Served::of(methods(), |config| {
        config.limits.max_message_size = 1000;
        config.limits.max_metadata_size = 200;
    })
    .await;
    let large = format!(r#"{{"title": "{}"}}"#, "x".repeat(1000));
    let reply = shop.http("POST /v1/top/items", JSON, &large).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (413, &"resource_exhausted".into())
    );
    let metadata = format!("more: {}\r\n", "x".repeat(300));
    let reply = shop.http("GET /v1/top/items", &metadata, "").await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (431, &"resource_exhausted".into())
    );
    let reply = shop
        .http("POST /v1/wait/60000", "connect-timeout-ms: 30\r\n", "")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (504, &"deadline_exceeded".into())
    );
    until(|| shop.test.dropped.load(Ordering::SeqCst) == 1).await;
    let mut tcp = shop.tcp().await;
    tcp.write_all(b"POST /v1/wait/60000 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    until(|| shop.test.started.load(Ordering::SeqCst) == 2).await;
    drop(tcp);
    until(|| shop.test.dropped.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn a_drain_lets_calls_finish() {
    let shop = shop().await;
    let mut tcp = shop.tcp().await;
    tcp.write_all(b"POST /v1/wait/100 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    until(|| shop.test.started.load(Ordering::SeqCst) == 1).await;
    let reading = async move { read_all(&mut tcp).await };
    let (drained, response) =
        tokio::join!(shop.running.drain(Duration::from_secs(20)), within(reading));
    assert!(drained.cut.is_empty(), "{drained:?}");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}
