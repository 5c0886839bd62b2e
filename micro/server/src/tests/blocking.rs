//! Handlers that block their thread, in a runtime without driver handoff, as of a program that embeds
//! the server.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, mpsc};

use super::*;

/// Time after which a test fails instead of waiting.
const LIMIT: Duration = Duration::from_secs(20);

/// Announces that a blocking handler has started, with the sender that ends it when dropped.
type Announce = Sender<Sender<()>>;

fn blocking_method(announce: Announce) -> Method {
    let announce = Arc::new(Mutex::new(announce));
    Method::unary("Block", move |_: Arc<Test>, _, text: Text| {
        let announce = Arc::clone(&announce);
        async move {
            if text.0 == "wait" {
                let (release, released) = channel();
                announce.lock().unwrap().send(release).unwrap();
                assert_eq!(
                    released.recv_timeout(LIMIT),
                    Err(mpsc::RecvTimeoutError::Disconnected)
                );
            } else {
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(text)
        }
    })
}

/// Starts a server on a runtime with two workers.
fn server() -> (tokio::runtime::Runtime, Served, Receiver<Sender<()>>) {
    let (announce, announced) = channel();
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let methods = methods().into_iter().chain([blocking_method(announce)]);
    let served = workers.block_on(Served::of(methods.collect(), |_| {}));
    (workers, served, announced)
}

#[test]
fn method_that_has_blocked_once_does_not_delay_other_connections_again() {
    let (workers, served, announced) = server();
    // The client has its own thread, which the server's handlers cannot block.
    let client = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    client.block_on(async {
        let block = |grpc: &Grpc, kind: &str| {
            let request = text(kind);
            let grpc = grpc.clone();
            tokio::spawn(async move { grpc.call("/test.Test/Block", &[], request).await })
        };
        let (first, second, other) = (
            served.grpc().await,
            served.grpc().await,
            served.grpc().await,
        );
        assert_eq!(other.echo("a").await, "a");
        assert_eq!(second.echo("a").await, "a");
        block(&first, "once").await.unwrap();
        for _ in 0..10 {
            let blocked = block(&second, "wait");
            let announced = &announced;
            let release = tokio::task::block_in_place(|| announced.recv_timeout(LIMIT).unwrap());
            // The handler still blocks its worker when this call is answered.
            let echo = tokio::time::timeout(LIMIT / 2, other.echo("b")).await;
            assert_eq!(echo.expect("another worker answers"), "b");
            assert!(!blocked.is_finished());
            drop(release);
            assert_eq!(blocked.await.unwrap().texts(), ["wait"]);
        }
    });
    workers.shutdown_background();
}
