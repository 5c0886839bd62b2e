//! The data of the registry: nodes, and changes of their list.
//!
//! This module does not know where nodes come from or how a backend stores them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Maximum length of a service name in bytes. It fits into a DNS name with room to spare.
const MAX_SERVICE: usize = 128;
/// Maximum number of addresses of a node beside the first.
pub const MAX_OTHER_ADDRESSES: usize = 7;
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
    /// Further addresses of the same port of the node, as `host:port`, at most 7. A client tries
    /// them if [`address`](Self::address) cannot be reached. Registries that hold one address per
    /// node ignore them.
    pub other_addresses: Vec<String>,
    /// Whether any host on the network could have announced this node, see [`unverified`].
    unverified: bool,
    /// The address that the server listens on, if it accepts connections on all interfaces.
    listens_on_all: Option<IpAddr>,
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
            other_addresses,
            unverified: _,
            listens_on_all: _,
        } = self;
        (service, id, version) == (&other.service, &other.id, &other.version)
            && (address, metadata, methods) == (&other.address, &other.metadata, &other.methods)
            && *other_addresses == other.other_addresses
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

/// Marks a node whose server listens on all interfaces: `0.0.0.0` or `[::]`. A registry that
/// announces the node to each network separately then uses the addresses in that network.
pub fn listening_on_all(mut node: Node, ip: IpAddr) -> Node {
    node.listens_on_all = Some(ip).filter(IpAddr::is_unspecified);
    node
}

/// The unspecified address that the node's server listens on, if it listens on all interfaces.
pub fn listens_on_all(node: &Node) -> Option<IpAddr> {
    node.listens_on_all
}

/// Selects the nodes to which a call of a method may be sent. `node` returns the record of an item.
///
/// These are the nodes that speak gRPC and serve the method. Unverified nodes are left out if a
/// verified node serves the method's service: otherwise any host on the network could attract calls
/// by announcing further methods of a service that runs here. Services that only share the name are
/// not compared.
pub fn to_call<T: Clone>(items: &[T], node: impl Fn(&T) -> &Node, path: &str) -> Vec<T> {
    let speaks = |item: &&T| node(item).speaks_grpc();
    let of_service = |item: &&T| node(item).serves_service_of(path);
    let mut able = items.iter().filter(speaks).filter(of_service);
    let any_verified = able.any(|item| !node(item).unverified);
    let items = items.iter().filter(speaks).filter(|item| {
        let node = node(item);
        node.serves(path) && !(any_verified && node.unverified)
    });
    items.cloned().collect()
}

/// Package of the services that every gRPC server may have, such as health and reflection. They are
/// not listed in records.
const UNLISTED: &str = "/grpc.";

/// The protocol of calls, as the metadata `protocol` names it.
const GRPC: &str = "grpc";

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
            other_addresses: Vec::new(),
            unverified: false,
            listens_on_all: None,
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

    /// Sets [`other_addresses`](Self::other_addresses).
    pub fn with_other_addresses<A: Into<String>>(
        mut self,
        addresses: impl IntoIterator<Item = A>,
    ) -> Self {
        self.other_addresses = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the node serves the method with this wire path, according to its record.
    ///
    /// A node whose record lists no methods may serve any. For a node of a Go
    /// Micro program, the package is not compared, because Go Micro's server ignores it.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::registry::Node;
    ///
    /// let node = Node::new("health", "health-1", "127.0.0.1:8080");
    /// assert!(node.serves("/shop.Health/Check"));
    /// let node = node.with_methods(["/pay.Health/Check"]);
    /// assert!(node.serves("/pay.Health/Check") && !node.serves("/shop.Health/Check"));
    /// ```
    pub fn serves(&self, path: &str) -> bool {
        if self.methods.is_empty() || path.starts_with(UNLISTED) {
            return true;
        }
        if self.is_of_go_micro() {
            let wanted = without_package(path);
            return self
                .methods
                .iter()
                .any(|own| without_package(own) == wanted);
        }
        self.methods.iter().any(|own| own == path)
    }

    /// Whether the node serves any method of the service to which this wire path belongs. The rules
    /// are those of [`serves`](Self::serves).
    #[doc(hidden)]
    pub fn serves_service_of(&self, path: &str) -> bool {
        let service = |path: &str| path.rsplit_once('/').map(|(head, _)| head.to_owned());
        if self.methods.is_empty() || path.starts_with(UNLISTED) {
            return true;
        }
        let go = self.is_of_go_micro();
        let service_of = |path: &str| service(if go { without_package(path) } else { path });
        let wanted = service_of(path);
        self.methods.iter().any(|own| service_of(own) == wanted)
    }

    /// Whether calls by gRPC reach the node. A record without the metadata `protocol` may mean any
    /// protocol.
    #[doc(hidden)]
    pub fn speaks_grpc(&self) -> bool {
        self.metadata
            .get("protocol")
            .is_none_or(|protocol| protocol == GRPC)
    }

    /// Whether a Go Micro program wrote the record. Its servers always add these keys.
    fn is_of_go_micro(&self) -> bool {
        self.metadata.contains_key("registry") && self.metadata.contains_key("transport")
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
        if self.other_addresses.len() > MAX_OTHER_ADDRESSES {
            return Err(Error::invalid_argument(format!(
                "node `{}` has {} further addresses, at most {MAX_OTHER_ADDRESSES} are allowed",
                self.id,
                self.other_addresses.len(),
            )));
        }
        let mut all = std::iter::once(&self.address).chain(&self.other_addresses);
        all.try_for_each(|address| check_address(address))
    }
}

/// Returns `Greeter/Hello` for `/any.package.Greeter/Hello`.
fn without_package(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    let class = path.find('/').unwrap_or(path.len());
    path[..class]
        .rfind('.')
        .map_or(path, |dot| &path[dot + 1..])
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
    fn node_serves_the_methods_of_its_record_only() {
        let node = |methods: &[&str]| {
            Node::new("health", "a", "127.0.0.1:1").with_methods(methods.iter().copied())
        };
        assert!(node(&[]).serves("/shop.Health/Check"), "nothing is known");
        let pay = node(&["/pay.Health/Check"]);
        assert!(pay.serves("/pay.Health/Check"));
        assert!(pay.serves("/grpc.health.v1.Health/Check"));
        for other in ["/shop.Health/Check", "/pay.Health/Watch", "/Health/Check"] {
            assert!(!pay.serves(other), "{other}");
        }
        assert!(pay.serves_service_of("/pay.Health/Watch"));
        assert!(!pay.serves_service_of("/shop.Health/Check"));
        let go = pay
            .with_metadata("registry", "mdns")
            .with_metadata("transport", "grpc");
        assert!(go.serves("/shop.v1.Health/Check") && go.serves("/Health/Check"));
        assert!(!go.serves("/pay.Health/Watch") && go.serves_service_of("/shop.Health/Watch"));
    }

    #[test]
    fn calls_go_to_nodes_with_method_and_protocol() {
        let node = |id: &str, method: &str| {
            Node::new("health", id, "127.0.0.1:1").with_methods([method.to_owned()])
        };
        let nodes = [
            node("pay", "/pay.Health/Check"),
            node("shop", "/shop.Health/Check").with_metadata("protocol", "grpc"),
            node("mucp", "/shop.Health/Check").with_metadata("protocol", "mucp"),
            unverified(node("far", "/shop.Health/Check")),
            unverified(node("lure", "/pay.Health/New")),
            unverified(node("bill", "/bill.Health/Check")),
        ];
        let ids = |path: &str| -> Vec<String> {
            let called = to_call(&nodes, |node| node, path);
            called.into_iter().map(|node| node.id).collect()
        };
        assert_eq!(ids("/shop.Health/Check"), ["shop"]);
        assert_eq!(ids("/pay.Health/Check"), ["pay"]);
        assert!(
            ids("/pay.Health/New").is_empty(),
            "a verified node serves pay.Health"
        );
        assert_eq!(
            ids("/bill.Health/Check"),
            ["bill"],
            "no other node serves it"
        );
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
