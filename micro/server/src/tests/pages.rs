//! Pages for people and probes, and responses to requests that are not calls.

use super::*;

async fn send(served: &Served, head: &str) -> String {
    let request = format!("{head} HTTP/1.1\r\nhost: here:80\r\nconnection: close\r\n\r\n");
    served.raw(request.as_bytes()).await
}

#[tokio::test]
async fn index_tells_what_is_served() {
    let served = Served::new().await;
    let page = send(&served, "GET /").await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    for expected in [
        "test.Test 0.0.0\n  For tests.\n",
        "  Echo  (unary)\n    Echoes.\n",
        "  Chat  (bidirectional stream)\n",
        "http://here:80/test.Test/Echo",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
}

#[tokio::test]
async fn index_lists_the_services_of_the_program_before_the_built_in_ones() {
    let served = Served::new().await;
    let page = send(&served, "GET /").await;
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    assert!(place("\ntest.Test ") < place("\ngrpc.health.v1.Health "));
    let request = "GET / HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\
        connection: close\r\n\r\n";
    let page = served.raw(request.as_bytes()).await;
    let (_, json) = page.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["services"][0]["wire"], "test.Test");
}

#[tokio::test]
async fn index_as_json() {
    let served = Served::new().await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\
        connection: close\r\n\r\n";
    let page = served.raw(request.as_bytes()).await;
    let (_, json) = page.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let services = json["services"].as_array().unwrap();
    let test = services
        .iter()
        .find(|service| service["wire"] == "test.Test");
    let echo = test.unwrap()["methods"].as_array().unwrap();
    let echo = echo.iter().find(|method| method["name"] == "Echo").unwrap();
    assert_eq!(echo["path"], "/test.Test/Echo");
    assert_eq!(echo["kind"], "unary");
}

#[tokio::test]
async fn probes_tell_alive_and_ready_apart() {
    let served = Served::new().await;
    assert!(
        send(&served, "GET /readyz")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    served.health.not_serving("warming up");
    let ready = send(&served, "GET /readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.ends_with("not ready: warming up\n"), "{ready}");
    assert!(
        send(&served, "GET /healthz")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let served = Served::new().await;
    let page = send(&served, "GET /healthz").await;
    let head = send(&served, "HEAD /healthz").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-length: 6\r\n"), "{head}");
    assert!(
        head.ends_with("\r\n\r\n") && page.ends_with("alive\n"),
        "{head}"
    );
    let grpc = served.grpc().await;
    let request = Request::head("http://test/healthz").body(()).unwrap();
    let answer = within(grpc.try_call(request, Bytes::new())).await;
    assert!(answer.unwrap().body.is_empty());
}

#[tokio::test]
async fn wrong_methods_say_which_are_right() {
    let served = Served::new().await;
    for (head, status, allow) in [
        ("GET /test.Test/Echo", 405, "POST, OPTIONS"),
        ("DELETE /test.Test/Echo", 405, "POST, OPTIONS"),
        ("POST /", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS /", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS /test.Test/Echo", 204, "POST, OPTIONS"),
        ("OPTIONS *", 204, "GET, HEAD, POST, OPTIONS"),
    ] {
        let response = send(&served, head).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}: {response}"
        );
        assert!(response.contains(&format!("allow: {allow}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found_and_list_what_is_known() {
    let served = Served::new().await;
    for head in ["GET /favicon.ico", "POST /test.Test/Nope", "PUT /x"] {
        let response = send(&served, head).await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{head}: {response}");
        assert!(
            response.contains("\"code\":\"unimplemented\""),
            "{response}"
        );
        assert!(response.contains("test.Test"), "{response}");
    }
}

#[tokio::test]
async fn unknown_content_types_list_what_is_accepted() {
    let served = Served::new().await;
    let request = "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: text/xml\r\n\
        content-length: 4\r\nconnection: close\r\n\r\n<a/>";
    let response = served.raw(request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 415 "), "{response}");
    assert!(response.contains("`content-type: text/xml`"), "{response}");
    assert!(
        response.contains("accept-post: application/grpc, "),
        "{response}"
    );
    let response = send(&served, "POST /test.Test/Echo").await;
    assert!(response.contains("no content type"), "{response}");
}

#[tokio::test]
async fn curl_without_a_content_type_is_told_the_header() {
    let served = Served::new().await;
    for (method, expected) in [
        ("Echo", "add `-H 'content-type: application/json'`; "),
        (
            "Count",
            "add `-N -H 'content-type: application/json' -H 'accept: text/event-stream'`; ",
        ),
    ] {
        let request = format!(
            "POST /test.Test/{method} HTTP/1.1\r\nhost: x\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{{}}"
        );
        let response = served.raw(request.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 415 "), "{response}");
        assert!(response.contains(expected), "{response}");
    }
}

#[tokio::test]
async fn an_empty_json_request_is_told_what_an_empty_request_is() {
    let served = Served::new().await;
    for body in ["", " \r\n"] {
        let request = format!(
            "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let response = served.raw(request.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        let expected = "the request has no JSON; the empty request is `{}`";
        assert!(response.contains(expected), "{response}");
        assert!(!response.contains("column"), "{response}");
    }
}

#[tokio::test]
async fn grpc_over_http1_is_told_what_it_needs() {
    let served = Served::new().await;
    let request = "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\n\
        content-type: application/grpc\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let response = served.raw(request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 505 "), "{response}");
    assert!(response.contains("HTTP/2"), "{response}");
}
