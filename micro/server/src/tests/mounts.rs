//! Axum routers beside the server's own services.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::{Body as AxumBody, to_bytes};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use tracing::Level;

use super::*;
use crate::{Mounts, OriginalUri};
use micro_core::test_util::CapturedLog;

const REST: &[handler::HttpRule] = &[handler::HttpRule::new("GET", "/echo")];

async fn seen(
    Extension(OriginalUri(original)): Extension<OriginalUri>,
    Extension(peer): Extension<SocketAddr>,
    request: axum::extract::Request,
) -> String {
    let below = request.uri();
    format!("{original} {below} {}", peer.ip())
}

async fn upload(body: AxumBody) -> Result<String, StatusCode> {
    let bytes = to_bytes(body, usize::MAX).await;
    let bytes = bytes.map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(bytes.len().to_string())
}

/// A body that yields one chunk, and fails once that chunk has been written.
fn broken() -> AxumBody {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        sender.send(Ok(Bytes::from_static(b"begun"))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        sender.send(Err("broken")).await.unwrap();
    });
    AxumBody::from_stream(Received(receiver))
}

struct Received(tokio::sync::mpsc::Receiver<Result<Bytes, &'static str>>);

impl Stream for Received {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

fn pages() -> axum::Router {
    let never = || async { std::future::pending::<()>().await };
    axum::Router::new()
        .route("/", get(|| async { "welcome" }))
        .route("/healthz", get(|| async { "mine" }))
        .route("/echo", get(|| async { "mine" }))
        .route(
            "/upload",
            post(upload).layer(axum::extract::DefaultBodyLimit::disable()),
        )
        .route(
            "/panic",
            get(|request: axum::extract::Request| async move {
                assert!(request.uri().path().is_empty(), "secret");
            }),
        )
        .route("/broken", get(|| async { broken() }))
        .route("/never", get(never))
        .route(
            "/grpc.Other/Call",
            any(|| async { ([("grpc-status", "5")], "") }),
        )
}

async fn serve(mounts: Mounts) -> Served {
    let text =
        || Method::unary("Echo", |_: Arc<Test>, _, text: Text| async { Ok(text) }).http(REST);
    Served::mounted(vec![text()], mounts, |_| {}).await
}

async fn both() -> Served {
    let mut mounts = Mounts::new();
    mounts
        .mount("/admin", axum::Router::new().fallback(seen))
        .unwrap();
    mounts.fallback(pages()).unwrap();
    serve(mounts).await
}

async fn fetch(served: &Served, path: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (head, body) = served.exchange(request.as_bytes()).await;
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    (status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn own_methods_pages_and_rules_come_before_the_fallback() {
    let served = both().await;
    for (path, status, body) in [
        ("/", "200", "welcome"),
        ("/healthz", "200", "alive\n"),
        ("/unknown", "404", ""),
    ] {
        assert_eq!(
            fetch(&served, path).await,
            (status.to_owned(), body.to_owned()),
            "{path}"
        );
    }
    let (_, echoed) = fetch(&served, "/echo?text=hello").await;
    assert!(echoed.contains("hello"), "{echoed}");
    let json = "content-type: application/json\r\n";
    let (_, echoed) = served
        .post("/test.Test/Echo", json, br#"{"text":"a"}"#)
        .await;
    assert!(String::from_utf8(echoed).unwrap().contains('a'));
}

#[tokio::test]
async fn a_mounted_service_sees_its_paths_without_the_prefix() {
    let served = both().await;
    for (path, expected) in [
        ("/admin", "/admin / 127.0.0.1"),
        ("/admin?q=1", "/admin?q=1 /?q=1 127.0.0.1"),
        ("/admin/", "/admin/ / 127.0.0.1"),
        ("/admin/a/b?q=1", "/admin/a/b?q=1 /a/b?q=1 127.0.0.1"),
    ] {
        assert_eq!(
            fetch(&served, path).await,
            ("200".into(), expected.into()),
            "{path}"
        );
    }
    // Only whole segments match.
    assert_eq!(fetch(&served, "/administrator").await.0, "404");
}

#[tokio::test]
async fn large_uploads_stream_over_both_versions_of_http() {
    let served = both().await;
    let large = vec![7; 8 << 20];
    let (head, body) = served.post("/upload", "", &large).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, large.len().to_string().as_bytes());
    let grpc = served.grpc().await;
    let upload = request("/upload", &[("content-type", "text/plain")]);
    let answer = within(grpc.try_call(upload, Bytes::from(large.clone())))
        .await
        .unwrap();
    assert_eq!(answer.body, large.len().to_string().as_bytes());
    assert!(answer.headers.contains_key("date"));
}

#[tokio::test]
async fn grpc_of_unknown_services_goes_to_the_fallback() {
    let served = both().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/grpc.Other/Call", &[], text("a")).await;
    assert_eq!(answer.headers["grpc-status"], "5");
    let answer = grpc.call("/test.Test/Echo", &[], text("a")).await;
    assert_eq!(answer.code(), 0);
}

fn other() -> axum::Router {
    let call = || async {
        (
            [("content-type", "application/grpc"), ("grpc-status", "7")],
            "",
        )
    };
    axum::Router::new()
        .route("/other.Other/Call", any(call))
        .route(
            "/other.Other/Never",
            any(|| async { std::future::pending::<()>().await }),
        )
}

#[tokio::test]
async fn a_grpc_service_keeps_its_paths_and_has_a_health() {
    let mut mounts = Mounts::new();
    mounts.grpc("other.Other", other()).unwrap();
    assert!(mounts.grpc("other.Other", other()).is_err());
    assert!(mounts.grpc("other/Other", other()).is_err());
    let served = serve(mounts).await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/other.Other/Call", &[], text("a")).await;
    assert_eq!(answer.headers["grpc-status"], "7");
    let late = [("grpc-timeout", "20m")];
    let answer = grpc.call("/other.Other/Never", &late, text("a")).await;
    assert_eq!(answer.headers["grpc-status"], "4", "{answer:?}");
    let check = frame(b"\x0a\x0bother.Other");
    let answer = grpc.call("/grpc.health.v1.Health/Check", &[], check).await;
    assert_eq!(answer.code(), 0, "{answer:?}");
}

#[tokio::test]
async fn a_method_cannot_be_served_twice() {
    let mut mounts = Mounts::new();
    mounts.grpc("test.Test", other()).unwrap();
    let method = Method::unary("Echo", |_: Arc<Test>, _, text: Text| async { Ok(text) });
    let mut router = Router::new();
    let instance: Arc<Test> = Arc::default();
    router
        .add(Route::new(INFO, &method, instance, Resources::new()))
        .unwrap();
    let error = Server::builder(Config::default(), router)
        .mounts(mounts)
        .bind()
        .await
        .unwrap_err();
    assert!(
        error.message().contains("both serve `/test.Test/Echo`"),
        "{error}"
    );
}

#[cfg(feature = "reflection")]
#[tokio::test]
async fn reflection_describes_mounted_services() {
    use micro_schema::descriptor::{
        FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
    };
    let service = ServiceDescriptorProto {
        name: "Other".to_owned(),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: "other.proto".to_owned(),
        package: "other".to_owned(),
        service: vec![service],
        ..Default::default()
    };
    let mut set = Vec::new();
    FileDescriptorSet {
        file: vec![file.clone(), file],
    }
    .encode(&mut set);
    let mut mounts = Mounts::new();
    mounts.grpc("other.Other", other()).unwrap();
    mounts.descriptors(set).unwrap();
    assert!(mounts.descriptors(vec![0xff]).is_err());
    let served = serve(mounts).await;
    let grpc = served.grpc().await;
    let reflect = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let list = frame(b"\x3a\x00");
    let answer = within(grpc.try_call(request(reflect, &[]), list))
        .await
        .unwrap();
    let listed = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(listed.matches("other.Other").count(), 1, "{listed}");
    let symbol = frame(b"\x22\x0bother.Other");
    let answer = within(grpc.try_call(request(reflect, &[]), symbol))
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&answer.body).contains("other.proto"));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_without_its_text() {
    let served = both().await;
    let (status, body) = fetch(&served, "/panic").await;
    assert_eq!(status, "500");
    assert!(!body.contains("secret"), "{body}");
}

#[tokio::test]
async fn a_body_that_fails_ends_the_response_early() {
    let served = both().await;
    let body = served
        .raw(b"GET /broken HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(body.contains("begun"), "{body}");
    assert!(!body.ends_with("0\r\n\r\n"), "{body}");
}

#[tokio::test]
async fn a_request_in_progress_is_cut_at_the_end_of_the_drain() {
    let served = both().await;
    let address = served.running.local_address();
    let never = tokio::spawn(async move {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        read_all(&mut tcp).await
    });
    until(|| served.running.server.running_calls().len() == 1).await;
    let drained = within(served.running.drain(Duration::from_millis(50))).await;
    assert_eq!(drained.cut.len(), 1);
    assert_eq!(drained.cut[0].path, "/*");
    let answered = within(never).await.unwrap();
    assert!(answered.starts_with("HTTP/1.1 503"), "{answered}");
}

/// A service that fails for every request.
#[derive(Clone)]
struct Failing;

impl tower_service::Service<Request<crate::RequestBody>> for Failing {
    type Response = http::Response<AxumBody>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<crate::RequestBody>) -> Self::Future {
        std::future::ready(Err(std::io::Error::other("no disk")))
    }
}

/// A body that yields one chunk, and then nothing.
async fn open() -> AxumBody {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    sender.send(Ok(Bytes::from_static(b"begun"))).await.unwrap();
    tokio::spawn(async move { sender.closed().await });
    AxumBody::from_stream(Received(receiver))
}

#[tokio::test]
async fn the_access_log_has_one_line_for_each_request_with_its_outcome() {
    let log = CapturedLog::new(Level::INFO);
    let mut mounts = Mounts::new();
    mounts.mount("/failing", Failing).unwrap();
    mounts.fallback(pages().route("/open", get(open))).unwrap();
    let router = Router::new().with_access_log(handler::AccessLog::All);
    let server = Server::builder(Config::default(), router).mounts(mounts);
    let server = server.bind().await.unwrap();
    let served = Served {
        health: server.health(),
        running: server.start(),
        test: Arc::default(),
    };
    for (path, status) in [("/", "200"), ("/failing", "500"), ("/broken", "200")] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answered = served.raw(request.as_bytes()).await;
        assert!(
            answered.starts_with(&format!("HTTP/1.1 {status}")),
            "{answered}"
        );
    }
    let mut connections = Vec::new();
    for path in ["/never", "/open"] {
        let mut tcp = served.tcp().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        connections.push(tcp);
    }
    let mut begun = [0; 8];
    within(connections[1].read_exact(&mut begun)).await.unwrap();
    until(|| served.running.server.running_calls().len() == 2).await;
    within(served.running.drain(Duration::from_millis(50))).await;
    let log = log.lines();
    let lines = log.iter().filter(|line| line.contains("micro::access:"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 5, "{log:#?}");
    for (path, outcome) in [
        ("/", "ok"),
        ("/failing", "internal"),
        ("/broken", "internal"),
        ("/never", "unavailable"),
        ("/open", "unavailable"),
    ] {
        let request = format!("service=\"{path}\" method=\"GET\"");
        let found = lines.iter().find(|line| line.contains(&request));
        let line = found.unwrap_or_else(|| panic!("{path} is not in {log:#?}"));
        assert!(line.contains(&format!("outcome=\"{outcome}\"")), "{line}");
    }
    // The cause is in one line only.
    let causes = log.iter().filter(|line| line.contains("no disk"));
    assert_eq!(causes.count(), 1, "{log:#?}");
}

#[tokio::test]
async fn a_grpc_timeout_does_not_limit_requests_of_other_protocols() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        "slow"
    };
    let mut mounts = Mounts::new();
    mounts
        .fallback(axum::Router::new().route("/slow", get(slow)))
        .unwrap();
    let served = serve(mounts).await;
    let request = "GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ngrpc-timeout: 1m\r\n\r\n";
    let answered = served.raw(request.as_bytes()).await;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
}

#[tokio::test]
async fn paths_that_cannot_be_mounted_are_refused() {
    let mut mounts = Mounts::new();
    for path in ["", "/", "a", "/a/", "/a//b", "/a?b", "/a b", "//"] {
        let error = mounts.mount(path, pages()).unwrap_err();
        assert!(
            error.message().contains("not a path to mount"),
            "{path}: {error}"
        );
    }
    mounts.mount("/a", pages()).unwrap();
    assert!(mounts.mount("/a", pages()).is_err());
    mounts.fallback(pages()).unwrap();
    assert!(mounts.fallback(pages()).is_err());
    assert_eq!(mounts.paths().collect::<Vec<_>>(), ["/a", "/*"]);
    for path in ["/test.Test", "/echo"] {
        let mut mounts = Mounts::new();
        mounts.mount(path, pages()).unwrap();
        let method = Method::unary("Echo", |_: Arc<Test>, _, text: Text| async { Ok(text) });
        let mut router = Router::new();
        let instance: Arc<Test> = Arc::default();
        let route = Route::new(INFO, &method.http(REST), instance, Resources::new());
        router.add(route).unwrap();
        let bound = Server::builder(Config::default(), router)
            .mounts(mounts)
            .bind()
            .await;
        let error = bound.unwrap_err();
        assert!(error.message().contains("both serve"), "{error}");
    }
}
