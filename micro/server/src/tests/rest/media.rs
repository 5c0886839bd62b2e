//! Media types, codings and sizes: which are preferred, and the status codes of refused ones.

use super::*;
use crate::ResponseCompression;
use micro_wire::Compression;

#[tokio::test]
async fn kinds_of_replies_are_weighed() {
    let shop = shop().await;
    let (text, json) = ("text/plain; charset=utf-8", "application/json");
    for (accept, expected) in [
        ("text/plain;q=0", json),
        ("text/plain;q=0.5, application/json", json),
        ("application/json;q=0.5, text/plain", text),
    ] {
        let accept = format!("accept: {accept}\r\n");
        let reply = shop.http("GET /v1/items/b/title", &accept, "").await;
        assert_eq!(reply.header("content-type"), Some(expected), "{accept}");
    }
    let (lines, events) = ("application/x-ndjson", "text/event-stream");
    for (accept, expected) in [
        ("text/event-stream;q=0", lines),
        ("text/event-stream;q=0.5, application/x-ndjson", lines),
        ("text/event-stream, application/x-ndjson;q=0.5", events),
    ] {
        let accept = format!("accept: {accept}\r\n");
        let reply = shop.http("GET /v1/watch/1", &accept, "").await;
        assert_eq!(reply.header("content-type"), Some(expected), "{accept}");
        assert_eq!(reply.header("vary"), Some("accept"), "{reply:?}");
    }
}

#[tokio::test]
async fn unknown_kinds_and_codings_are_told_which_are_known() {
    let shop = shop().await;
    let xml = "content-type: application/xml\r\n";
    let br = format!("{JSON}content-encoding: br\r\n");
    let twice = format!("{JSON}content-encoding: gzip\r\ncontent-encoding: gzip\r\n");
    let kinds = "application/json, application/x-www-form-urlencoded";
    for (line, headers, name, expected) in [
        ("POST /v1/top/items:search", xml, "accept-post", kinds),
        (
            "PUT /v1/photos/a",
            xml,
            "accept",
            "application/json, application/octet-stream",
        ),
        (
            "POST /v1/top/items",
            &br,
            "accept-encoding",
            Compression::accepted(),
        ),
        (
            "POST /v1/top/items",
            &twice,
            "accept-encoding",
            Compression::accepted(),
        ),
    ] {
        let reply = shop.http(line, headers, "{}").await;
        assert_eq!(reply.status, 415, "{line}: {reply:?}");
        assert_eq!(reply.header(name), Some(expected), "{line}: {reply:?}");
    }
    let same = format!("{JSON}content-encoding: Identity\r\n");
    let reply = shop.http("POST /v1/top/items", &same, "{}").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = shop.http("POST /test.Test/List", &br, "{}").await;
    assert_eq!(reply.status, 501, "Connect says so: {reply:?}");
}

#[tokio::test]
async fn too_much_has_the_statuses_of_http() {
    let shop = Served::of(methods(), |config| {
        config.limits.max_message_size = 100;
        config.limits.max_metadata_size = 100;
    })
    .await;
    let long = format!("a: {}\r\n", "x".repeat(200));
    let reply = shop.http("GET /v1/top/items", &long, "").await;
    assert_eq!(reply.status, 431, "{reply:?}");
    let body = "x".repeat(200);
    let reply = shop.http("POST /v1/top/items", JSON, &body).await;
    assert_eq!(reply.status, 413, "{reply:?}");
    let reply = shop.http("POST /test.Test/List", JSON, &body).await;
    assert_eq!(reply.status, 429, "Connect says so: {reply:?}");
    let reply = shop.get("/v1/fail/resource_exhausted").await;
    assert_eq!(reply.status, 429, "{reply:?}");
}

#[tokio::test]
async fn codings_are_read_in_any_case_and_over_several_lines() {
    let Some(gzip) = Compression::ALL.iter().find(|way| way.is_compiled()) else {
        return;
    };
    let name = gzip.name();
    let shop = Served::of(methods(), |config| {
        config.compression = ResponseCompression::named(name).unwrap();
    })
    .await;
    let small = gzip.compress(br#"{"pageSize": 9}"#).unwrap();
    let upper = name.to_uppercase();
    let mut spellings = vec![
        format!("content-encoding: {upper}\r\n"),
        format!("content-encoding: identity\r\ncontent-encoding: {name}\r\n"),
    ];
    if name == "gzip" {
        spellings.push("content-encoding: x-gzip\r\n".to_owned());
    }
    for spelling in spellings {
        let headers = format!("{JSON}{spelling}");
        let (head, body) = shop.post("/v1/top/items:search", &headers, &small).await;
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains("Some(9)"), "{spelling}: {head}{body}");
    }
    let long = format!("/v1/top/items?{}", "tags=long&".repeat(500));
    for (accept, compressed) in [
        (
            format!("accept-encoding: br\r\naccept-encoding: {upper}\r\n"),
            true,
        ),
        (format!("accept-encoding: {name};Q=0\r\n"), false),
        (String::new(), false),
    ] {
        let get = format!("GET {long} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{accept}\r\n");
        let (head, _) = shop.exchange(get.as_bytes()).await;
        let coded = head.contains(&format!("content-encoding: {name}\r\n"));
        assert_eq!(coded, compressed, "{accept}: {head}");
        // Caches need `vary` on uncompressed responses as well.
        assert!(
            head.contains("vary: accept-encoding\r\n"),
            "{accept}: {head}"
        );
    }
}
