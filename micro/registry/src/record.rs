//! The data of the registry: nodes, and what changed about them.
//!
//! Does not know where nodes come from, nor how a backend writes them down.

use std::collections::BTreeMap;

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Longest name of a service, in bytes: what fits into a DNS name with room for the rest.
const MAX_SERVICE: usize = 128;
/// Longest id of a node, in bytes: one DNS label.
const MAX_ID: usize = 63;

/// One running copy of a service: who it is and where it listens.
///
/// # Examples
///
/// ```
/// use micro::registry::Node;
///
/// let node = Node::new("greeter", "greeter-1", "127.0.0.1:8080").with_version("1.2.0");
/// assert_eq!(node.version, "1.2.0");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Node {
    /// The service it is a copy of: lower case letters, digits, `-` and `.`.
    pub service: String,
    /// What tells it from every other node, in all services: at most 63 bytes.
    pub id: String,
    /// The service's version; empty when it has none.
    pub version: String,
    /// Where it listens, as `host:port`.
    pub address: String,
    /// What else is known of it, for filters: zone, protocol, labels.
    pub metadata: BTreeMap<String, String>,
    /// Wire paths of its methods, for example `/greeter.Greeter/Hello`; empty when not told.
    pub methods: Vec<String>,
    /// Whether anybody on the network could have announced it, see [`unverified`].
    unverified: bool,
}

/// The records are compared, not how they were found.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            service,
            id,
            version,
            address,
            metadata,
            methods,
            unverified: _,
        } = self;
        (service, id, version) == (&other.service, &other.id, &other.version)
            && (address, metadata, methods) == (&other.address, &other.metadata, &other.methods)
    }
}

impl Eq for Node {}

/// Marks a node as one that anybody on the network could have announced: nothing but a place in
/// the network is needed for it, neither a file of this user nor a secret.
pub fn unverified(mut node: Node) -> Node {
    node.unverified = true;
    node
}

/// Whether anybody on the network could have announced a node.
pub fn is_unverified(node: &Node) -> bool {
    node.unverified
}

/// The nodes to call: those that are verified, or all if none is.
pub fn to_call(nodes: &[Node]) -> Vec<Node> {
    let any = nodes.iter().any(|node| !node.unverified);
    let nodes = nodes.iter().filter(|node| !any || !node.unverified);
    nodes.cloned().collect()
}

impl Node {
    /// A node without version, metadata and methods.
    pub fn new(
        service: impl Into<String>,
        id: impl Into<String>,
        address: impl Into<String>,
    ) -> Self {
        Self {
            service: service.into(),
            id: id.into(),
            version: String::new(),
            address: address.into(),
            metadata: BTreeMap::new(),
            methods: Vec::new(),
            unverified: false,
        }
    }

    /// Whether it is the same record, found in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self == other && self.unverified == other.unverified
    }

    /// Sets the version.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Adds one piece of metadata; a later value replaces an earlier one.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the wire paths of the methods it serves.
    pub fn with_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Whether this node may be registered.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` naming the part that is wrong and what it may be.
    #[doc(hidden)]
    pub fn check(&self) -> Result<()> {
        check_service(&self.service)?;
        let id_is_good = !self.id.is_empty()
            && self.id.len() <= MAX_ID
            && self
                .id
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '\\'));
        if !id_is_good {
            return Err(Error::invalid_argument(format!(
                "`{}` is no id for a node of `{}`: write 1 to {MAX_ID} visible ASCII characters \
                 without slashes",
                self.id.escape_default(),
                self.service,
            )));
        }
        check_address(&self.address)
    }
}

/// What became of a service's nodes since the last look.
///
/// A node that is neither added, updated nor removed is as it was.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// All nodes there are now, by id.
    pub nodes: Vec<Node>,
    /// Those that were not there before.
    pub added: Vec<Node>,
    /// Those that were there with another record; this is the new one.
    pub updated: Vec<Node>,
    /// Those that are gone, with their last record.
    pub removed: Vec<Node>,
}

impl Change {
    /// What leads from one list to the next; both are sorted by id.
    #[doc(hidden)]
    pub fn between(before: &[Node], now: &[Node]) -> Self {
        let find =
            |list: &[Node], id: &str| list.binary_search_by(|node| node.id.as_str().cmp(id)).ok();
        let mut change = Self {
            nodes: now.to_vec(),
            ..Self::default()
        };
        for node in now {
            match find(before, &node.id) {
                None => change.added.push(node.clone()),
                Some(at) if !before[at].is_same(node) => change.updated.push(node.clone()),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|node| find(now, &node.id).is_none());
        change.removed = gone.cloned().collect();
        change
    }
}

/// Sorts by id and keeps the first of each id.
pub(crate) fn sorted(mut nodes: Vec<Node>) -> Vec<Node> {
    sort_by(&mut nodes, |a, b| a.id.cmp(&b.id));
    nodes.dedup_by(|later, first| later.id == first.id);
    nodes
}

/// A name that a service of ours may have.
pub(crate) fn check_service(name: &str) -> Result<()> {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let good = name.len() <= MAX_SERVICE
        && name.bytes().next().is_some_and(lower)
        && name.bytes().all(|b| lower(b) || matches!(b, b'-' | b'.'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is no name for a service: write lower case letters, digits, `-` and `.`, a letter \
         or digit first, at most {MAX_SERVICE} bytes",
        name.escape_default(),
    )))
}

/// A name that can be asked for: wider than our own, as other frameworks name as they like.
pub fn check_lookup_name(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.len() <= MAX_SERVICE
        && !name.starts_with(['.', '-', '_'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if good { Ok(()) } else { check_service(name) }
}

/// An address as `host:port`, IPv6 in brackets.
pub(crate) fn check_address(address: &str) -> Result<()> {
    let good = address.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty()
            && (bracketed || !host.contains([':', '[', ']']))
            && host
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '@' | ','))
            && port.bytes().all(|b| b.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if good {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is no address of a node: write `host:port`, for example `127.0.0.1:8080` or \
         `[::1]:8080`",
        address.escape_default(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_tells_added_updated_and_removed() {
        let node =
            |id: &str, version: &str| Node::new("greeter", id, "127.0.0.1:1").with_version(version);
        let before = [node("a", "1"), node("b", "1"), node("c", "1")];
        let now = [node("a", "1"), node("c", "2"), node("d", "1")];
        let change = Change::between(&before, &now);
        assert_eq!(change.nodes, now);
        assert_eq!(change.added, [node("d", "1")]);
        assert_eq!(change.updated, [node("c", "2")]);
        assert_eq!(change.removed, [node("b", "1")]);
    }

    #[test]
    fn bad_names_ids_and_addresses_are_refused() {
        for name in [
            "",
            "Greeter",
            "-a",
            ".a",
            "a b",
            "a/b",
            "grüße",
            &"a".repeat(129),
        ] {
            assert!(check_service(name).is_err(), "{name}");
        }
        for name in ["greeter", "go.micro.srv.mail", "0-day"] {
            check_service(name).unwrap();
        }
        check_lookup_name("Go_Micro.Web").unwrap();
        for id in ["", "a b", "a/b", "a\n", &"a".repeat(64)] {
            assert!(Node::new("a", id, "127.0.0.1:1").check().is_err(), "{id}");
        }
        for address in [
            "", ":80", "a", "a:", "a:0", "a:65536", "::1:80", "a:+1", "a b:1", "[::1:1",
        ] {
            assert!(check_address(address).is_err(), "{address}");
        }
        for address in [
            "127.0.0.1:80",
            "[::1]:80",
            "node-1.example.org:65535",
            "0.0.0.0:1",
        ] {
            check_address(address).unwrap();
        }
    }
}
