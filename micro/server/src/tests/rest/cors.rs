//! CORS over REST, Connect and gRPC-Web.

use super::*;
use crate::Cors;

async fn listed() -> Served {
    Served::of(methods(), |config| {
        config.cors = Cors::parse("https://a.example, https://b.example").unwrap();
    })
    .await
}

const ORIGIN: &str = "origin: https://a.example\r\n";
const EVIL: &str = "origin: https://evil.example\r\n";

#[tokio::test]
async fn a_preflight_is_told_methods_headers_and_for_how_long() {
    let shop = listed().await;
    let ask = "access-control-request-method: PUT\r\n\
               access-control-request-headers: content-type, tenant\r\n";
    for (target, methods) in [
        ("/v1/top/items", "GET, POST, HEAD, OPTIONS"),
        ("/test.Test/List", "POST, OPTIONS"),
        ("/v1/nope/nope/nope/nope", "GET, HEAD, OPTIONS"),
    ] {
        let reply = shop
            .http(&format!("OPTIONS {target}"), &format!("{ORIGIN}{ask}"), "")
            .await;
        assert_eq!(reply.status, 204, "{reply:?}");
        for (name, expected) in [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", "content-type, tenant"),
            ("access-control-max-age", "7200"),
            ("access-control-expose-headers", "allow"),
        ] {
            assert_eq!(reply.header(name), Some(expected), "{target}: {reply:?}");
        }
        for varies in [
            "origin",
            "access-control-request-method",
            "access-control-request-headers",
        ] {
            assert!(reply.head.contains(&format!("vary: {varies}")), "{reply:?}");
        }
    }
    let reply = shop
        .http("OPTIONS /v1/top/items", &format!("{EVIL}{ask}"), "")
        .await;
    assert!(!reply.head.contains("access-control-allow"), "{reply:?}");
}

#[tokio::test]
async fn allowed_pages_read_replies_errors_and_metadata() {
    let shop = listed().await;
    let json = format!("{ORIGIN}{JSON}");
    let web = format!("{ORIGIN}content-type: application/grpc-web-text\r\n");
    for (line, headers, body, status, exposed) in [
        ("GET /v1/top/items", ORIGIN, "", 200, Some("answer")),
        ("GET /v1/fail/not_found", ORIGIN, "", 404, Some("hint")),
        ("DELETE /v1/items/a", ORIGIN, "", 200, None),
        ("POST /test.Test/List", &json, "{}", 200, Some("answer")),
        ("POST /test.Test/Nope", &json, "{}", 405, Some("allow")),
        (
            "POST /test.Test/List",
            &web,
            "AAAAAAA=",
            200,
            Some("grpc-accept-encoding, answer"),
        ),
    ] {
        let reply = shop.http(line, headers, body).await;
        assert_eq!(reply.status, status, "{line}: {reply:?}");
        let origin = reply.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://a.example"), "{line}: {reply:?}");
        let names = reply.header("access-control-expose-headers");
        assert_eq!(names, exposed, "{line}: {reply:?}");
    }
}

#[tokio::test]
async fn others_get_no_header_but_the_one_for_caches() {
    let shop = listed().await;
    for headers in [
        "",
        EVIL,
        "origin: null\r\n",
        "origin: https://A.example\r\n",
    ] {
        let reply = shop.http("GET /v1/top/items", headers, "").await;
        assert_eq!(reply.status, 200);
        assert!(!reply.head.contains("access-control"), "{reply:?}");
        assert!(reply.head.contains("vary: origin"), "{reply:?}");
    }
    let off = super::shop().await;
    let reply = off.http("GET /v1/top/items", ORIGIN, "").await;
    assert!(
        !reply.head.contains("access-control") && !reply.head.contains("vary"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_star_allows_all_without_credentials() {
    let shop = Served::of(methods(), |config| config.cors = Cors::any()).await;
    // A cache may send the page a response that it stored for another client.
    for origin in [EVIL, ""] {
        let reply = shop.http("GET /v1/top/items", origin, "").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            reply.header("access-control-expose-headers"),
            Some("answer")
        );
        assert!(
            !reply.head.contains("credentials") && !reply.head.contains("vary"),
            "{reply:?}"
        );
    }
    let reply = shop.http("DELETE /v1/items/a", EVIL, "").await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_unasked() {
    for shop in [shop().await, listed().await] {
        let cross = format!("{EVIL}sec-fetch-site: cross-site\r\n");
        let form = "content-type: application/x-www-form-urlencoded\r\n";
        for (line, headers) in [
            ("POST /v1/top/items:search", format!("{cross}{form}")),
            ("POST /v1/wait/0", EVIL.to_owned()),
            ("DELETE /v1/items/a", cross.clone()),
        ] {
            let reply = shop.http(line, &headers, "").await;
            assert_eq!(reply.status, 403, "{line}: {reply:?}");
            let expected = "a page of `https://evil.example` may not call this server";
            assert!(reply.message().starts_with(expected), "{reply:?}");
        }
        assert_eq!(shop.test.started.load(Ordering::SeqCst), 0);
        let own = "origin: http://shop:80\r\n";
        assert_eq!(shop.http("POST /v1/wait/0", own, "").await.status, 200);
    }
}

/// DNS rebinding: the name of the page's host resolves to this server, so the browser sees one
/// origin.
#[tokio::test]
async fn a_page_whose_name_leads_here_executes_nothing() {
    let shop = shop().await;
    let marks = [
        "origin: http://evil.example:80\r\n",
        "origin: http://evil.example:80\r\nsec-fetch-site: same-origin\r\n",
        "sec-fetch-mode: cors\r\nsec-fetch-site: same-origin\r\n",
        // A GET to the page's own origin, without TLS.
        "accept-language: de\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n",
    ];
    for (line, body) in [
        ("POST /test.Test/List", "{}"),
        ("GET /v1/top/items", ""),
        ("GET /openapi.json", ""),
    ] {
        for mark in marks {
            let request = format!(
                "{line} HTTP/1.1\r\nhost: evil.example:80\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n{mark}\r\n{body}",
                body.len()
            );
            let reply = shop.raw(request.as_bytes()).await;
            assert!(reply.starts_with("HTTP/1.1 403 "), "{line}: {reply}");
            assert!(reply.contains("`evil.example:80`"), "{line}: {reply}");
            assert!(reply.contains("setting `cors`"), "{line}: {reply}");
            for own in ["127.0.0.1:80", "localhost:80"] {
                let request = request.replace("evil.example:80", own);
                let reply = shop.raw(request.as_bytes()).await;
                assert!(!reply.starts_with("HTTP/1.1 403 "), "{line}: {reply}");
            }
        }
    }
}
