//! The OpenAPI description of the services, and the page where methods can be tried.

use super::*;

async fn get(served: &Served, path: &str, accept: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: here\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    served.raw(request.as_bytes()).await
}

#[tokio::test]
async fn description_tells_of_the_app_s_own_services() {
    let served = Served::new().await;
    let page = get(&served, "/openapi.json", "*/*").await;
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(json["openapi"], "3.1.0");
    let echo = &json["paths"]["/test.Test/Echo"]["post"];
    assert_eq!(echo["summary"], "Echoes");
    assert!(
        json["components"]["schemas"]["test.Text"].is_object(),
        "{json:#}"
    );
    let tags = json["tags"].as_array().unwrap();
    assert_eq!(tags.len(), 1, "{tags:?}");
    let streams = json["x-micro-streams"].as_array().unwrap();
    assert!(
        streams
            .iter()
            .any(|stream| stream["path"] == "/test.Test/Chat")
    );
}

#[tokio::test]
async fn page_is_embedded_and_runs_nothing_from_elsewhere() {
    let served = Served::new().await;
    for (path, kind) in [
        ("/openapi", "text/html; charset=utf-8"),
        ("/openapi.css", "text/css; charset=utf-8"),
        ("/openapi.js", "text/javascript; charset=utf-8"),
    ] {
        let page = get(&served, path, "*/*").await;
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
        assert!(
            head.contains(&format!("content-type: {kind}\r\n")),
            "{head}"
        );
        let policy = "content-security-policy: default-src 'none'; script-src 'self'; ";
        assert!(head.contains(policy) && head.contains("nosniff"), "{head}");
        for foreign in [
            "http://",
            "https://",
            "//cdn",
            "innerHTML",
            "onclick=",
            "style=",
        ] {
            assert!(!body.contains(foreign), "{path} holds {foreign}");
        }
    }
}

#[tokio::test]
async fn browsers_are_sent_to_the_page_and_others_are_told_of_it() {
    let served = Served::new().await;
    let page = get(&served, "/", "text/html,application/xhtml+xml").await;
    assert!(page.starts_with("HTTP/1.1 303 "), "{page}");
    assert!(page.contains("location: /openapi\r\n"), "{page}");
    let page = get(&served, "/", "*/*").await;
    assert!(
        page.contains("More: /openapi to try it  /openapi.json  /healthz"),
        "{page}"
    );
}

#[tokio::test]
async fn description_can_be_turned_off() {
    let served = Served::with(|config| config.reflection = false).await;
    for path in ["/openapi", "/openapi.json", "/openapi.js"] {
        let page = get(&served, path, "*/*").await;
        assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
    }
    let page = get(&served, "/", "text/html").await;
    assert!(
        page.starts_with("HTTP/1.1 200 ") && !page.contains("/openapi"),
        "{page}"
    );
}
