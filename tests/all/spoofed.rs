//! Calls past forged records: any host of a network can announce a node by multicast DNS.

use std::sync::Arc;
use std::time::Duration;

use micro::client::Client;
use micro::handler::{Method, MethodInfo, Served, Service, ServiceInfo};
use micro::prelude::*;
use micro::registry::{Host, Mdns, Memory, Node, Registry};
use micro_tests::World;

const TTL: Duration = Duration::from_secs(60);
const CALLS: usize = 50;
/// Nothing listens here.
const DEAD: &str = "127.0.0.1:9";

struct Ping;

impl Service for Ping {
    fn served() -> Vec<Served> {
        let ping = Method::unary("Ping", |_: Arc<Self>, _: Context, (): ()| async { Ok(()) });
        vec![Served::new(ServiceInfo::new("ping", "ping.Ping")).method(ping)]
    }
}

/// Starts the service, registered nowhere. Returns its record.
async fn serve() -> (micro::app::Running, Node) {
    let app = App::builder()
        .registry(Registry::new(Memory::new()))
        .service(Ping);
    let running = app.build().await.unwrap().start().await.unwrap();
    let address = running.address().unwrap().to_string();
    let node = Node::new("ping", "ping-real", address).with_methods(["/ping.Ping/Ping"]);
    (running, node)
}

/// Announces dead nodes of the service, as any host could. One has the id of the real node.
async fn spoof(network: &Registry) -> Vec<micro::registry::Registration> {
    let mut forged = Vec::new();
    for id in ["ping-real", "ping-forged", "a-forged"] {
        let node = Node::new("ping", id, DEAD).with_methods(["/ping.Ping/Ping"]);
        forged.push(network.register(node, TTL).await.unwrap());
    }
    forged
}

/// Waits until a client of this registry knows forged records.
async fn sees(registry: &Registry, id: &str) {
    let mut watch = registry.watch("ping").await.unwrap();
    let seen = async {
        while let Some(change) = watch.next().await {
            if change.nodes.iter().any(|node| node.id == id) {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), seen).await;
    assert!(waited.is_ok(), "`{id}` is not seen");
}

/// Calls the service with a fresh client each time, and returns the number of failures. One try a
/// call: a retry would hide a wrong choice.
async fn failures(registry: &Registry) -> usize {
    let method = Arc::new(MethodInfo::new("ping", "/ping.Ping/Ping"));
    let mut config = micro::client::Config::default();
    config.max_attempts = 1;
    let client = Client::builder().registry(registry.clone()).config(config);
    let client = client.build();
    let mut failed = 0;
    for _ in 0..CALLS {
        let call = client.call::<()>(&method, ());
        failed += usize::from(call.timeout(Duration::from_secs(10)).await.is_err());
    }
    failed
}

#[tokio::test]
async fn node_of_this_machine_is_called_past_forged_records() {
    const PORT: u16 = 45_372;
    let (world, (_running, node)) = (World::new(), serve().await);
    let _forged = spoof(&Registry::new(Mdns::on_port(PORT))).await;
    let host = Registry::new(Host::new(world.root().join("registry")));
    let _real = host.register(node, TTL).await.unwrap();
    let registry = Registry::union([host, Registry::new(Mdns::on_port(PORT))]);
    sees(&registry, "ping-forged").await;
    assert_eq!(failures(&registry).await, 0, "of {CALLS}");
}

#[tokio::test]
async fn signed_node_is_called_past_forged_records() {
    const PORT: u16 = 45_373;
    let signed = || {
        let mdns = Mdns::on_port(PORT).with_secret("correct horse battery staple");
        Registry::new(mdns.unwrap())
    };
    let (_running, node) = serve().await;
    let network = Registry::new(Mdns::on_port(PORT));
    let _forged = spoof(&network).await;
    let _real = signed().register(node, TTL).await.unwrap();
    sees(&network, "ping-forged").await;
    let registry = signed();
    sees(&registry, "ping-real").await;
    assert_eq!(failures(&registry).await, 0, "of {CALLS}");
}
