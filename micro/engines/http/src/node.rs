//! Subscribers as registry nodes, in Go Micro's format. Nodes of micro have an additional mark.

use micro_broker::Inbox;
use micro_registry::Node;
use micro_registry::internal::is_unverified;

/// Name of the service whose nodes are the subscribers of all programs.
pub(super) const SERVICE: &str = "micro.http.broker";
/// Node version that marks subscribers without a queue.
const BROADCAST: &str = "ff.http.broadcast";
/// Metadata key of micro's nodes, which accept events through `micro.broker.v1`.
const PROTOCOL_MARK: &str = "micro";

/// A subscriber described by a registry node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundSubscriber {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) topics: String,
    pub(super) queue: Option<String>,
    /// Whether the subscriber belongs to a micro program.
    pub(super) ours: bool,
    /// Whether the subscriber requires TLS.
    pub(super) secure: bool,
    /// Whether the record is unverified, so that anyone on the network may have announced it.
    pub(super) unverified: bool,
}

/// Creates the node for a subscriber of this process.
pub(super) fn of(id: &str, inbox: &Inbox, address: &str) -> Node {
    Node::new(SERVICE, id, address)
        .with_version(inbox.queue().unwrap_or(BROADCAST))
        .with_metadata("secure", "false")
        .with_metadata("broker", "http")
        .with_metadata("topic", inbox.pattern().as_str())
        .with_metadata(PROTOCOL_MARK, "1")
}

/// Parses a node. Returns `None` if the node is not a subscriber.
pub(super) fn read(node: &Node) -> Option<FoundSubscriber> {
    let fact = |key: &str| node.metadata.get(key).map(String::as_str);
    let topics = fact("topic").filter(|topic| !topic.is_empty())?;
    let queue = Some(&*node.version).filter(|version| !matches!(*version, "" | BROADCAST));
    Some(FoundSubscriber {
        id: node.id.clone(),
        address: node.address.clone(),
        topics: topics.to_owned(),
        queue: queue.map(str::to_owned),
        ours: fact(PROTOCOL_MARK) == Some("1"),
        secure: fact("secure") == Some("true"),
        unverified: is_unverified(node),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_go_micro_are_read() {
        let node = Node::new(SERVICE, "a-go.micro.http.broker-1", "127.0.0.1:7")
            .with_version(BROADCAST)
            .with_metadata("secure", "false")
            .with_metadata("broker", "http")
            .with_metadata("topic", "a");
        let found = read(&node).unwrap();
        assert_eq!((&*found.topics, found.queue), ("a", None));
        assert!(!found.ours && !found.secure);
        let queue = read(&node.with_version("audit")).unwrap();
        assert_eq!(queue.queue.as_deref(), Some("audit"));
        assert_eq!(read(&Node::new(SERVICE, "x", "127.0.0.1:7")), None);
    }
}
