//! Hostile paths, queries and bodies: refused, without cost to other clients.

use super::*;

#[tokio::test]
async fn strange_paths_are_refused_or_reach_the_handler_as_text() {
    let shop = shop().await;
    for (target, status, expected) in [
        ("/v1/%00/items", 200, "\\u0000 None"),
        ("/v1/a%2Fb/items", 200, "a/b None"),
        ("/v1/a%252Fb/items", 200, "a%2Fb None"),
        ("/v1/%2e%2e/items", 400, "cannot be a value in a path"),
        ("/v1/../items", 400, "cannot be a value in a path"),
        ("/a/..%2f..%2fetc/passwd", 200, "a/..%2f..%2fetc/passwd"),
        ("/a/../../etc/passwd", 400, "cannot be a value in a path"),
        ("//etc//passwd", 200, "/etc//passwd"),
        ("/v1/%ff%fe/items", 400, "it is not UTF-8"),
        ("/v1/%/items", 400, "two hexadecimal digits"),
        ("/v1/%c3%28/items", 400, "it is not UTF-8"),
        ("/v1/a?b?c=%26", 400, "no parameter `b?c`"),
        (
            "/v1/top/items?__proto__.x=1",
            400,
            "no parameter `__proto__.x`",
        ),
        (
            "/v1/top/items?page_size=1e400",
            400,
            "is not an unsigned 32-bit number",
        ),
    ] {
        let reply = shop.get(target).await;
        assert_eq!(reply.status, status, "{target}: {reply:?}");
        assert!(reply.body.contains(expected), "{target}: {reply:?}");
    }
}

#[tokio::test]
async fn long_paths_queries_and_deep_bodies_cost_little() {
    let shop = shop().await;
    let path = "x".repeat(100 << 10);
    let response = shop
        .raw(format!("GET /v1/{path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await;
    assert!(!response.contains(" 200 "), "{}", response.len());
    let tags = vec!["tags"; 10_000].join("&");
    let client = shop.grpc().await;
    for (target, status) in [
        (format!("/v1/top/items?{tags}"), 200),
        (format!("/v1/top/items?{}", "a.".repeat(15_000)), 400),
        (
            format!("/v1/top/items?page_size={}", "9".repeat(30_000)),
            400,
        ),
        (format!("/v1{}", "/a".repeat(15_000)), 200),
        (format!("/{}", "/".repeat(30_000)), 200),
        (format!("/v1/{}:", ":".repeat(30_000)), 200),
    ] {
        let uri = format!("http://shop{target}");
        let request = Request::get(uri).body(()).unwrap();
        let answer = within(client.try_call(request, Bytes::new()))
            .await
            .unwrap();
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(
            answer.status,
            status,
            "{} {}",
            &target[..20],
            &body[..body.len().min(200)]
        );
        assert!(status == 200 || body.len() < 1000);
    }
    let deep = format!(r#"{{"title": {}"#, "[".repeat(500_000));
    let reply = shop.http("POST /v1/top/items", JSON, &deep).await;
    assert_eq!(reply.status, 400);
    let many = format!("{{{}\"a\":0}}", "\"a\":0,".repeat(200_000));
    let reply = shop.http("POST /v1/top/items:search", JSON, &many).await;
    assert_eq!(reply.status, 200, "unknown fields are skipped, {reply:?}");
    assert_eq!(
        client
            .call("/test.Test/Delete", &[], text("x"))
            .await
            .status,
        200
    );
}
