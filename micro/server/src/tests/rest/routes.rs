//! Which method serves a path, and the error for unknown paths.

use super::*;

#[tokio::test]
async fn known_paths_say_which_methods_they_answer() {
    let shop = shop().await;
    for (line, status, allow) in [
        ("DELETE /v1/top/items", 405, "GET, POST, HEAD, OPTIONS"),
        ("OPTIONS /v1/top/items", 204, "GET, POST, HEAD, OPTIONS"),
        ("POST /v1/items/a", 405, "DELETE, GET, HEAD, OPTIONS"),
        ("GET /test.Test/List", 405, "POST, OPTIONS"),
        ("BREW /v1/wait/1", 405, "GET, POST, HEAD, OPTIONS"),
    ] {
        let reply = shop.http(line, "", "").await;
        assert_eq!(reply.status, status, "{line}: {reply:?}");
        assert_eq!(reply.header("allow"), Some(allow), "{line}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let shop = shop().await;
    let reply = shop.http("HEAD /v1/items/b/title", "", "").await;
    assert_eq!((reply.status, &*reply.body), (200, ""));
    assert_eq!(reply.header("content-length"), Some("4"));
    let reply = shop.http("HEAD /v1/fail/not_found", "", "").await;
    assert_eq!((reply.status, &*reply.body), (404, ""));
}

#[tokio::test]
async fn pages_and_paths_of_methods_go_before_variables() {
    let shop = shop().await;
    assert_eq!(shop.get("/healthz").await.body, "alive\n");
    assert_eq!(shop.get("/elsewhere").await.body, r#"{"name":"elsewhere"}"#);
    let page = shop.get("/").await.body;
    assert!(
        page.contains("  List  (unary)\n    GET /v1/{shelf}/items\n"),
        "{page}"
    );
    let reply = shop.http("POST /test.Test/Delete", JSON, "{}").await;
    assert_eq!((reply.status, &*reply.body), (200, "{}"));
}

#[tokio::test]
async fn unknown_paths_name_what_is_near() {
    let mut methods = methods();
    methods.pop();
    let shop = Served::of(methods, |_| {}).await;
    for (target, expected) in [
        (
            "/v1/top/items/",
            "nothing at `/v1/top/items/`; near: `GET|POST /v1/top/items`",
        ),
        ("/v1/shelves/1", "near: `GET /v1/{name=shelves/*/items/**}`"),
        ("/V1/items", "`DELETE /v1/items/{name}`"),
        ("/nowhere", "no service at `/nowhere`; known: "),
    ] {
        let reply = shop.get(target).await;
        assert_eq!(reply.status, 404, "{reply:?}");
        assert!(reply.message().contains(expected), "{reply:?}");
    }
    for start in ["/v1/items/x/", "/"] {
        let reply = shop.get(&format!("{start}{}", "y".repeat(20_000))).await;
        assert_eq!(reply.status, 404);
        assert!(reply.body.len() < 1000, "{reply:?}");
    }
}

#[tokio::test]
async fn rules_that_cannot_be_stop_a_server_from_starting() {
    let twice = vec![
        Method::unary("A", |_: Arc<Test>, _, name: NameRequest| async { Ok(name) }).http(DELETE),
        Method::unary("B", |_: Arc<Test>, _, name: NameRequest| async { Ok(name) }).http(DELETE),
    ];
    let mut router = Router::new();
    for method in twice {
        let instance = Arc::new(Test::default());
        router
            .add(Route::new(INFO, &method, instance, Resources::new()))
            .unwrap();
    }
    let error = Server::bind(Config::default(), router).await.unwrap_err();
    assert!(
        error.message().contains("matches the same paths"),
        "{error}"
    );
}
