//! The data of the registry: nodes, and changes of their list.
//!
//! This module does not know where nodes come from or how a backend stores them.

use std::collections::BTreeMap;

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Maximum length of a service name in bytes. It fits into a DNS name with room to spare.
const MAX_SERVICE: usize = 128;
/// Maximum length of a node id in bytes: one DNS label.
const MAX_ID: usize = 63;

/// One running copy of a service: its identity and its address.
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
    /// Name of the service: lower case letters, digits, `-` and `.`.
    pub service: String,
    /// Id of the node, unique among the nodes of all services: at most 63 bytes.
    pub id: String,
    /// Version of the service, or empty.
    pub version: String,
    /// Address on which the node listens, as `host:port`.
    pub address: String,
    /// Additional properties for filters: zone, protocol, labels.
    pub metadata: BTreeMap<String, String>,
    /// Wire paths of the node's methods, for example `/greeter.Greeter/Hello`. Empty if unknown.
    pub methods: Vec<String>,
    /// Whether any host on the network could have announced this node, see [`unverified`].
    unverified: bool,
}

/// Compares the records only, not how they were found.
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

/// Marks a node as one that any host on the network could have announced: announcing it requires
/// only network access, neither a file of this user nor a secret.
pub fn unverified(mut node: Node) -> Node {
    node.unverified = true;
    node
}

/// Whether any host on the network could have announced the node.
pub fn is_unverified(node: &Node) -> bool {
    node.unverified
}

/// Selects the nodes to call: the verified ones, or all if none is verified.
pub fn to_call(nodes: &[Node]) -> Vec<Node> {
    let any = nodes.iter().any(|node| !node.unverified);
    let nodes = nodes.iter().filter(|node| !any || !node.unverified);
    nodes.cloned().collect()
}

impl Node {
    /// Creates a node without version, metadata and methods.
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

    /// Whether both are the same record, found in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self == other && self.unverified == other.unverified
    }

    /// Sets the version.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Adds a metadata entry. A later value for the same key replaces an earlier one.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the wire paths of the methods it serves.
    pub fn with_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Checks whether this node may be registered.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` that names the invalid part and its allowed values.
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
                "`{}` is not an id of a node of `{}`: write 1 to {MAX_ID} visible ASCII characters \
                 without slashes",
                self.id.escape_default(),
                self.service,
            )));
        }
        check_address(&self.address)
    }
}

/// A change of a service's nodes since the last one that was received.
///
/// A node that is neither added, updated nor removed is unchanged.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// All current nodes, sorted by id.
    pub nodes: Vec<Node>,
    /// Nodes that are new.
    pub added: Vec<Node>,
    /// Nodes whose record changed, with the new record.
    pub updated: Vec<Node>,
    /// Nodes that disappeared, with their last record.
    pub removed: Vec<Node>,
}

impl Change {
    /// The difference between two lists. Both must be sorted by id.
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

/// Checks the name of a service that is to be registered.
pub(crate) fn check_service(name: &str) -> Result<()> {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let good = name.len() <= MAX_SERVICE
        && name.bytes().next().is_some_and(lower)
        && name.bytes().all(|b| lower(b) || matches!(b, b'-' | b'.'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is not a name for a service: write lower case letters, digits, `-` and `.`, a letter \
         or digit first, at most {MAX_SERVICE} bytes",
        name.escape_default(),
    )))
}

/// Checks a name for a lookup. The rules are wider than for registration because other frameworks
/// allow more characters in names.
pub fn check_lookup_name(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.len() <= MAX_SERVICE
        && !name.starts_with(['.', '-', '_'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if good { Ok(()) } else { check_service(name) }
}

/// Checks an address: `host:port`, with an IPv6 host in brackets.
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
        "`{}` is not the address of a node: write `host:port`, for example `127.0.0.1:8080` or \
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
