//! Uses both backends as any program does, by URL.

use std::time::Duration;

use micro::events::{Events, Options};
use micro::registry::{Node, Registry};
// A crate that is not named in the code is not linked, so its schemes would be unknown.
use own_backend as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> micro::Result<()> {
    let path = std::env::temp_dir().join(format!("nodes-{}.json", std::process::id()));
    let registry = Registry::open(&format!("json://{}", path.display()))?;
    let node = Node::new("greeter", "greeter-1", "127.0.0.1:8080");
    let registration = registry.register(node, Duration::from_secs(30)).await?;
    for node in registry.lookup("greeter").await? {
        println!("{} serves {} at {}", node.id, node.service, node.address);
    }
    registration.deregister().await?;

    let events = Events::open("vec://")?;
    events.append_to("orders", "an apple").await?;
    let mut packers = events.consume("orders", "packers", Options::new()).await?;
    if let Some(delivery) = packers.next().await {
        let delivery = delivery?;
        println!(
            "packed: {}",
            String::from_utf8_lossy(&delivery.record().event.payload)
        );
        delivery.ack().await?;
    }
    events.close().await
}
