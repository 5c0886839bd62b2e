//! A node that stops while HTTP/1.1 and gRPC callers use it: no request is lost.
//!
//! `MICRO_TEST_STOPS=100 cargo test -p micro-tests stop_under_load` repeats the stop more often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use micro::client::Client;
use micro::registry::Registry;
use micro_tests::{DEADLINE, KindsClient, Number, Program, World, until_async};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HTTP_CALLERS: usize = 20;
const GRPC_CALLERS: usize = 64;

fn stops() -> usize {
    let stops = std::env::var("MICRO_TEST_STOPS");
    stops.map_or(5, |stops| stops.parse().expect("a number of stops"))
}

fn node(world: &World) -> Program {
    Program::start(&mut world.command(env!("CARGO_BIN_EXE_kinds")))
}

fn address(node: &mut Program) -> String {
    let line = node.line("address");
    line.split(' ').next().expect("an address").to_owned()
}

/// How a caller ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// A response carried `connection: close`.
    Announced,
    /// The connection was closed between two requests.
    Idle,
}

/// Sends one request after the other on one connection, as a reverse proxy does, until the
/// connection ends. Panics if a request that was sent gets no response.
async fn http_caller(address: String, pause: Duration, answered: Arc<AtomicU64>) -> End {
    let mut tcp = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"value":21}"#;
    let request = format!(
        "POST /kinds.Kinds/Double HTTP/1.1\r\nhost: localhost\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    loop {
        // A proxy does not use a connection whose end it has seen.
        let mut byte = [0];
        match tcp.try_read(&mut byte) {
            Ok(0) => return End::Idle,
            Ok(_) => panic!("a response to nothing"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        let mut part = [0; 1024];
        while !response.ends_with('}') {
            let count = tcp.read(&mut part).await.expect("a response");
            assert!(count > 0, "a request is lost: closed after {response:?}");
            response.push_str(std::str::from_utf8(&part[..count]).unwrap());
        }
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert!(response.contains("42"), "{response}");
        answered.fetch_add(1, Ordering::Relaxed);
        if response.to_ascii_lowercase().contains("connection: close") {
            return End::Announced;
        }
        tokio::time::sleep(pause).await;
    }
}

async fn grpc_caller(kinds: KindsClient, is_over: Arc<AtomicBool>, answered: Arc<AtomicU64>) {
    while !is_over.load(Ordering::Relaxed) {
        let reply = kinds.double(Number::new(21)).await;
        assert_eq!(reply.expect("no call is lost").value, 42);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn more(answered: &AtomicU64, count: u64) {
    let goal = answered.load(Ordering::Relaxed) + count;
    until_async("more responses", || async {
        (answered.load(Ordering::Relaxed) >= goal).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_under_load_loses_no_request() {
    let world = World::new();
    let mut other = node(&world);
    address(&mut other);
    let registry = Registry::open(&world.registry()).unwrap();
    let client = Client::builder().registry(registry).build();
    let is_over = Arc::new(AtomicBool::new(false));
    let (grpc, http) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut grpc_callers = JoinSet::new();
    for _ in 0..GRPC_CALLERS {
        let kinds = KindsClient::new(client.clone());
        grpc_callers.spawn(grpc_caller(kinds, Arc::clone(&is_over), Arc::clone(&grpc)));
    }
    for stop in 0..stops() {
        let mut stopping = node(&world);
        let address = address(&mut stopping);
        let mut callers = JoinSet::new();
        for number in 0..HTTP_CALLERS {
            let pause = Duration::from_millis(2 * (number as u64 % 5));
            callers.spawn(http_caller(address.clone(), pause, Arc::clone(&http)));
        }
        more(&http, 400).await;
        more(&grpc, 400).await;
        stopping.terminate();
        let ends = tokio::time::timeout(DEADLINE, callers.join_all()).await;
        // Each caller sends a request within the deregister delay, so each end is announced.
        let announced = [const { End::Announced }; HTTP_CALLERS];
        assert_eq!(
            ends.expect("every connection ends"),
            announced,
            "stop {stop}"
        );
        assert!(
            tokio::task::spawn_blocking(move || stopping.wait())
                .await
                .unwrap()
                .success()
        );
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = grpc_callers.join_next().await {
        ended.unwrap();
    }
    println!(
        "{} HTTP/1.1 and {} gRPC requests, none lost",
        http.load(Ordering::Relaxed),
        grpc.load(Ordering::Relaxed)
    );
}
