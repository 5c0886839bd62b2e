//! Subscribers as nodes of a registry, written as Go Micro writes them; ours have a mark more.

use micro_broker::Inbox;
use micro_registry::Node;
use micro_registry::internal::is_unverified;

/// The service that all subscribers of all programs are nodes of.
pub(super) const SERVICE: &str = "micro.http.broker";
/// The version of subscribers without a queue.
const BROADCAST: &str = "ff.http.broadcast";
/// The mark of ours: they take events as `micro.broker.v1`.
const PROTOCOL_MARK: &str = "micro";

/// What a node says of its subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundSubscriber {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) topics: String,
    pub(super) queue: Option<String>,
    /// Whether it is one of ours.
    pub(super) ours: bool,
    /// Whether it wants TLS.
    pub(super) secure: bool,
    /// Whether anybody on the network may have announced it.
    pub(super) unverified: bool,
}

/// A subscriber of this process as a node.
pub(super) fn of(id: &str, inbox: &Inbox, address: &str) -> Node {
    Node::new(SERVICE, id, address)
        .with_version(inbox.queue().unwrap_or(BROADCAST))
        .with_metadata("secure", "false")
        .with_metadata("broker", "http")
        .with_metadata("topic", inbox.pattern().as_str())
        .with_metadata(PROTOCOL_MARK, "1")
}

/// Reads a node; none when it is no subscriber.
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
