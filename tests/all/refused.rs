//! A node that stops refuses calls that no handler has seen, and clients send them to another node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use micro::client::Client;
use micro::handler::{Method, MethodInfo, Resources, Route, Router, ServiceInfo};
use micro::registry::{Memory, Node, Registration, Registry};
use micro::server::{Config, Running, Server};
use micro_tests::until_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const INFO: ServiceInfo = ServiceInfo::new("parcel", "test.Parcel");

/// Number of bytes from a client that pass a [`Gate`]: the headers of a call with a parcel, and a
/// part of the parcel.
const LET_THROUGH: u64 = 100_000;

#[micro::message]
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parcel {
    bytes: Vec<u8>,
}

impl Parcel {
    fn new() -> Self {
        Self {
            bytes: vec![7; 300_000],
        }
    }
}

/// A server that counts the calls that reach its handler.
struct Served {
    running: Running,
    handled: Arc<AtomicUsize>,
}

impl Served {
    async fn new() -> Self {
        let handled = Arc::<AtomicUsize>::default();
        let serve = |handled: Arc<AtomicUsize>, _, parcel: Parcel| async move {
            handled.fetch_add(1, Ordering::SeqCst);
            Ok(parcel)
        };
        let method = Method::unary("Send", serve);
        let mut router = Router::new();
        let instance = Arc::clone(&handled);
        let route = Route::new(INFO, &method, instance, Resources::new());
        router.add(route).unwrap();
        let server = Server::bind(Config::default(), router).await.unwrap();
        Self {
            running: server.start(),
            handled,
        }
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

/// A proxy to a server that holds back the rest of what the client sends.
struct Gate {
    address: SocketAddr,
    /// Number of the client's bytes that have passed.
    through: watch::Receiver<u64>,
    _task: JoinSet<()>,
}

impl Gate {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, through) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let requests = async {
                let mut buffer = [0; 4096];
                while *sender.borrow() < LET_THROUGH {
                    let count = from_client.read(&mut buffer).await.unwrap();
                    to_server.write_all(&buffer[..count]).await.unwrap();
                    sender.send_modify(|through| *through += count as u64);
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = requests => {}
                copied = tokio::io::copy(&mut from_server, &mut to_client) => drop(copied),
            }
        });
        Self {
            address,
            through,
            _task: task,
        }
    }

    fn is_shut(&self) -> bool {
        *self.through.borrow() >= LET_THROUGH
    }
}

async fn register(registry: &Registry, id: &str, address: SocketAddr) -> Registration {
    let node = Node::new("parcel", id, address.to_string());
    let registration = registry.register(node, Duration::from_secs(60));
    registration.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_stopping_node_has_not_handled_is_answered_by_another_once() {
    let (stopping, other) = (Served::new().await, Served::new().await);
    let gate = Gate::before(stopping.running.local_address()).await;
    let registry = Registry::new(Memory::new());
    let _registered = [
        register(&registry, "stopping", gate.address).await,
        register(&registry, "other", other.running.local_address()).await,
    ];
    let client = Client::builder().registry(registry).build();
    let method = Arc::new(MethodInfo::new("parcel", "/test.Parcel/Send"));
    assert!(!method.options.idempotent);
    // One call after the other, until one is in flight to the node that is about to stop.
    let mut calls = 0;
    let held = loop {
        let call = client.call::<Parcel>(&method, Parcel::new());
        let call = tokio::spawn(call.into_future());
        calls += 1;
        let is_held = until_async("an answer, or a call that is held up", || async {
            (gate.is_shut() || call.is_finished()).then(|| gate.is_shut())
        });
        if is_held.await {
            break call;
        }
        assert_eq!(call.await.unwrap().unwrap(), Parcel::new());
    };
    let (running, handled) = (stopping.running, stopping.handled);
    running.drain(Duration::ZERO).await;
    let answer = tokio::time::timeout(Duration::from_secs(30), held).await;
    assert_eq!(answer.unwrap().unwrap().unwrap(), Parcel::new());
    assert_eq!(handled.load(Ordering::SeqCst), 0);
    assert_eq!(other.handled(), calls);
    client.close().await;
}
