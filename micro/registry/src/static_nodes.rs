//! A fixed list of nodes: `static://greeter=127.0.0.1:8080,billing=10.0.0.2:80`.
//!
//! The list never changes and has no ttl. Registering succeeds without an effect, so that a server
//! can start with a fixed list. The author of the list is responsible for including the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::{Backend, Capabilities};
use crate::record::{Node, check_address, check_lookup_name};
use crate::watch::Watch;
use micro_message::error::{Error, Result};

/// A registry with a fixed list of nodes.
#[derive(Debug, Default)]
pub struct Static {
    nodes: Vec<Node>,
    /// Whether it was already logged that registering has no effect. It is logged once.
    told: AtomicBool,
}

impl Static {
    /// Creates a registry of exactly these nodes.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
            told: AtomicBool::new(false),
        }
    }

    /// Parses `service=host:port` entries separated by commas. A service may occur more than once.
    ///
    /// The id of a node is `service@host:port`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` that names the invalid entry.
    pub fn parse(entries: &str) -> Result<Self> {
        let mut nodes: Vec<Node> = Vec::new();
        for entry in entries.split(',').map(str::trim) {
            let wrong = |why: &str| {
                Error::invalid_argument(format!(
                    "entry `{}` of the static registry {why}",
                    entry.escape_default()
                ))
            };
            let Some((service, address)) = entry.split_once('=') else {
                return Err(wrong("is not `service=host:port`"));
            };
            let checked = check_lookup_name(service).and_then(|()| check_address(address));
            checked.map_err(|error| wrong("is wrong").with_source(error))?;
            let node = Node::new(service, format!("{service}@{address}"), address);
            if nodes.contains(&node) {
                return Err(wrong("comes twice"));
            }
            nodes.push(node);
        }
        Ok(Self::new(nodes))
    }

    fn of(&self, service: &str) -> Vec<Node> {
        self.nodes
            .iter()
            .filter(|node| node.service == service)
            .cloned()
            .collect()
    }
}

impl Backend for Static {
    fn scheme(&self) -> &'static str {
        "static"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_list(true)
    }

    async fn register(&self, node: Node, _ttl: Duration) -> Result<()> {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::debug!(
                node = node.id,
                "a static registry is fixed, registering changes nothing"
            );
        }
        Ok(())
    }

    async fn deregister(&self, _node: &Node) -> Result<()> {
        Ok(())
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        Ok(self.of(service))
    }

    async fn list(&self) -> Result<Vec<Node>> {
        Ok(self.nodes.clone())
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let (sender, watch) = Watch::channel();
        sender.send(self.of(service));
        // The list never changes, but the watch must not end, so the sender is kept alive with it.
        Ok(watch.with_guard(sender))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_become_nodes() {
        let fixed = Static::parse("greeter=127.0.0.1:80, greeter=[::1]:80,billing=pay.example:1");
        let fixed = fixed.unwrap();
        assert_eq!(fixed.lookup("greeter").await.unwrap().len(), 2);
        let billing = fixed.lookup("billing").await.unwrap();
        assert_eq!(
            billing,
            [Node::new(
                "billing",
                "billing@pay.example:1",
                "pay.example:1"
            )]
        );
        let mut watch = fixed.watch("greeter").await.unwrap();
        assert_eq!(watch.next().await.unwrap().added.len(), 2);
    }

    #[test]
    fn bad_entries_are_named() {
        for (entries, named) in [
            ("", "entry `` "),
            ("greeter", "entry `greeter` "),
            (
                "greeter=127.0.0.1:80,billing=nowhere",
                "entry `billing=nowhere` ",
            ),
            ("a b=127.0.0.1:80", "entry `a b=127.0.0.1:80` "),
            ("a=b:1,a=b:1", "entry `a=b:1` "),
        ] {
            let error = Static::parse(entries).unwrap_err();
            assert!(error.message().starts_with(named), "{error:?}");
        }
    }
}
