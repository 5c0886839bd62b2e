//! A list of nodes written down by hand: `static://greeter=127.0.0.1:8080,billing=10.0.0.2:80`.
//!
//! Never changes and knows no ttl. Registering succeeds and changes nothing: a server must start
//! beside a fixed list, and whether it is on the list is the author's business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::{Backend, Capabilities};
use crate::record::{Node, check_address, check_lookup_name};
use crate::watch::Watch;
use micro_message::error::{Error, Result};

/// Nodes that are known beforehand.
#[derive(Debug, Default)]
pub struct Static {
    nodes: Vec<Node>,
    /// Whether it was logged that registering changes nothing; once is enough.
    told: AtomicBool,
}

impl Static {
    /// A registry of just these nodes.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
            told: AtomicBool::new(false),
        }
    }

    /// Reads `service=host:port` entries separated by commas; a service may come again.
    ///
    /// A node's id is `service@host:port`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` naming the entry that cannot be read.
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
        // The list never changes but the watch goes on, so the sender stays with it.
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
