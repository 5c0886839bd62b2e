//! Tests of the client against scripted peers, over real sockets on loopback.

mod beside;
mod busy;
mod calls;
#[cfg(feature = "tower")]
mod channel;
mod compress;
mod failover;
mod hostile;
mod late;
mod life;
mod local;
mod peer;
mod raced;
mod served;
mod stalls;
mod streams;
mod torn;
mod wide;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::peer::Peer;
use crate::{Client, Config};
use micro_core::handler::{Kind, MethodInfo};
use micro_message::codec::Message;
use micro_message::codec::Types;
use micro_message::error::Result;
use micro_registry::{Memory, Node, Registration, Registry};

/// A message whose encoding is its text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text(String);

impl Message for Text {
    fn describe(_: &mut Types) -> String {
        "test.Text".into()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }

    fn decode(bytes: &Bytes, _: usize) -> Result<Self> {
        Ok(Self(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()> {
        self.encode(out);
        Ok(())
    }

    fn decode_json(bytes: &[u8], memory: usize) -> Result<Self> {
        Self::decode(&Bytes::copy_from_slice(bytes), memory)
    }
}

fn text(text: &str) -> Text {
    Text(text.to_owned())
}

fn hello() -> Arc<MethodInfo> {
    Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Hello"))
}

fn idempotent() -> Arc<MethodInfo> {
    Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Hello").idempotent())
}

fn method(kind: Kind) -> Arc<MethodInfo> {
    Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Talk").kind(kind))
}

/// A memory registry and the nodes registered in it.
struct World {
    registry: Registry,
    nodes: Vec<Registration>,
}

impl World {
    fn new() -> Self {
        Self {
            registry: Registry::new(Memory::new()),
            nodes: Vec::new(),
        }
    }

    /// Creates a world with these peers: `greeter-1`, `greeter-2` ….
    async fn of(peers: &[&Peer]) -> Self {
        let mut world = Self::new();
        for peer in peers {
            world.add(&peer.address()).await;
        }
        world
    }

    async fn add(&mut self, address: &str) {
        let id = format!("greeter-{}", self.nodes.len() + 1);
        self.register(Node::new("greeter", id, address)).await;
    }

    async fn register(&mut self, node: Node) {
        let registration = self.registry.register(node, Duration::from_secs(60));
        self.nodes.push(registration.await.unwrap());
    }

    fn client(&self) -> Client {
        self.client_with(Config::default())
    }

    fn client_with(&self, config: Config) -> Client {
        let builder = Client::builder().registry(self.registry.clone());
        builder.config(config).build()
    }
}

/// Waits for a condition, for at most ten seconds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
    assert!(waited.is_ok(), "still not: {what}");
}
