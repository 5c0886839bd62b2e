//! Contract of every registry backend.
//!
//! A [`Backend`](micro_registry::Backend) guarantees the following:
//!
//! - `lookup`, `list` and watches of the service find a registered node through every handle of the
//!   registry. Other handles may see the node with a short delay.
//! - `register` with a known id replaces the record; a watch reports the change as `updated`.
//! - `deregister` removes a node immediately; a watch reports it as `removed`.
//! - A watch first reports the current list, which may be empty, and then every change.
//! - An unknown service has no nodes. This is not an error.
//! - With `ttl`, a node without heartbeats disappears after its ttl, and a node with heartbeats
//!   stays.
//! - With `details`, metadata and methods of a node are returned as registered. Id, version and
//!   address are always returned.
//!
//! The handle checks names, addresses and timeouts for every backend.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use micro_message::error::ErrorKind;
use micro_registry::{Change, Node, Registry, Watch};
use tokio::time::{sleep, timeout};

use crate::{DEADLINE, report_skipped, unique_prefix};

const TTL: Duration = Duration::from_secs(30);
/// The shortest ttl that every backend supports.
const SHORT_TTL: Duration = Duration::from_secs(1);
/// Interval between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// Two registries that see the same nodes, and names that are unique to a case.
pub struct World {
    /// The registry that the case registers nodes with.
    pub ours: Registry,
    /// The registry that the case looks nodes up in. It may be a clone of `ours`.
    pub theirs: Registry,
    prefix: String,
    /// Dropped after the registries.
    guards: Vec<Box<dyn Any>>,
}

impl World {
    /// Creates a world from two registries that see the same nodes.
    pub fn new(ours: Registry, theirs: Registry) -> Self {
        Self {
            ours,
            theirs,
            prefix: unique_prefix(),
            guards: Vec::new(),
        }
    }

    /// Calls the closure that opens the registries. Used by the macro.
    pub async fn open<W: Into<Self>>(open: impl AsyncFnOnce() -> W) -> Self {
        open().await.into()
    }

    /// Keeps a value until the case ends, for example a directory that is removed when dropped.
    pub fn with_guard(mut self, guard: impl Any) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Returns a service name that is unique to this case.
    pub fn service(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    /// Returns whether the backend has a capability. If it does not, reports that the case is
    /// skipped.
    fn can(&self, capability: bool, what: &str) -> bool {
        if !capability {
            report_skipped(self.ours.scheme(), what);
        }
        capability
    }

    fn can_register(&self) -> bool {
        self.can(self.ours.capabilities().register, "register nodes")
    }

    fn can_ttl(&self) -> bool {
        let can = self.ours.capabilities();
        self.can(can.register && can.ttl, "forget silent nodes")
    }

    /// Creates a node of a service.
    fn node(&self, service: &str, id: &str) -> Node {
        let node = Node::new(service, format!("{service}-{id}"), "127.0.0.1:8080")
            .with_version("1.0.0")
            .with_metadata("zone", "west")
            .with_methods([format!("/{}.Greeter/Hello", service.replace('-', "_"))]);
        self.visible(node)
    }

    /// Returns the node without the fields that the backend does not keep.
    fn visible(&self, mut node: Node) -> Node {
        if !self.theirs.capabilities().details {
            node.metadata.clear();
            node.methods.clear();
        }
        node
    }
}

impl From<Registry> for World {
    fn from(registry: Registry) -> Self {
        Self::new(registry.clone(), registry)
    }
}

impl From<(Registry, Registry)> for World {
    fn from((ours, theirs): (Registry, Registry)) -> Self {
        Self::new(ours, theirs)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("ours", &self.ours)
            .field("theirs", &self.theirs)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Repeats a lookup until it returns these nodes.
async fn until(registry: &Registry, service: &str, expected: &[Node]) {
    let mut last = Vec::new();
    let wait = async {
        loop {
            last = registry.lookup(service).await.unwrap();
            if last == expected {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    let met = timeout(DEADLINE, wait).await.is_ok();
    assert!(met, "`{service}` has {last:?} instead of {expected:?}");
}

async fn next(watch: &mut Watch) -> Change {
    timeout(DEADLINE, watch.next())
        .await
        .expect("a change in time")
        .expect("a watch that goes on")
}

/// Takes changes until the list of nodes is this one.
async fn until_watched(watch: &mut Watch, expected: &[Node]) -> Change {
    loop {
        let change = next(watch).await;
        if change.nodes == expected {
            return change;
        }
    }
}

/// A lookup of an unknown service finds nothing, and a watch reports an empty list.
pub async fn an_unknown_service_has_no_nodes(world: World) {
    let service = world.service("unknown");
    assert_eq!(world.theirs.lookup(&service).await.unwrap(), []);
    let mut watch = world.theirs.watch(&service).await.unwrap();
    assert_eq!(next(&mut watch).await, Change::default());
}

/// `lookup` finds nodes once they are registered, and no longer finds them once they are
/// deregistered.
pub async fn registered_nodes_are_found_until_deregistered(world: World) {
    if !world.can_register() {
        return;
    }
    let service = world.service("found");
    let (a, b) = (world.node(&service, "a"), world.node(&service, "b"));
    let first = world.ours.register(a.clone(), TTL).await.unwrap();
    let second = world.ours.register(b.clone(), TTL).await.unwrap();
    until(&world.theirs, &service, &[a, b.clone()]).await;
    first.deregister().await.unwrap();
    until(&world.theirs, &service, &[b]).await;
    second.deregister().await.unwrap();
    until(&world.theirs, &service, &[]).await;
}

/// `list` returns the nodes of all services. Needs `list`.
pub async fn registered_nodes_are_listed(world: World) {
    let list = world.theirs.capabilities().list;
    if !world.can_register() || !world.can(list, "list nodes") {
        return;
    }
    let services = [world.service("list-a"), world.service("list-b")];
    let nodes = services.each_ref().map(|service| world.node(service, "x"));
    let mut registrations = Vec::new();
    for node in &nodes {
        registrations.push(world.ours.register(node.clone(), TTL).await.unwrap());
    }
    let mut own = Vec::new();
    let wait = async {
        loop {
            own = world.theirs.list().await.unwrap();
            own.retain(|node| services.contains(&node.service));
            if own == nodes {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    let met = timeout(DEADLINE, wait).await.is_ok();
    assert!(met, "{own:?} are listed instead of {nodes:?}");
    for registration in registrations {
        registration.deregister().await.unwrap();
    }
}

/// A watch reports added, updated and removed nodes as such.
pub async fn a_watch_reports_each_change(world: World) {
    if !world.can_register() {
        return;
    }
    let service = world.service("watched");
    let old = world.node(&service, "a");
    let new = old.clone().with_version("2.0.0");
    let new = world.visible(new.with_metadata("zone", "east"));
    let mut watch = world.theirs.watch(&service).await.unwrap();
    assert_eq!(next(&mut watch).await, Change::default());

    let first = world.ours.register(old.clone(), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [old]);

    // Its heartbeats would restore the old record.
    drop(first);
    let second = world.ours.register(new.clone(), TTL).await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.updated, std::slice::from_ref(&new));
    assert_eq!((change.added.len(), change.removed.len()), (0, 0));

    second.deregister().await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.removed, [new]);
    assert_eq!(change.nodes, []);
}

/// A second watch of a service starts with the current list, and continues after the first one
/// ends.
pub async fn two_watches_see_the_same(world: World) {
    if !world.can_register() {
        return;
    }
    let service = world.service("two");
    let a = world.node(&service, "a");
    let mut early = world.theirs.watch(&service).await.unwrap();
    let registration = world.ours.register(a.clone(), TTL).await.unwrap();
    until_watched(&mut early, std::slice::from_ref(&a)).await;
    let mut late = world.theirs.watch(&service).await.unwrap();
    assert_eq!(
        until_watched(&mut late, std::slice::from_ref(&a))
            .await
            .added,
        [a]
    );
    drop(early);
    registration.deregister().await.unwrap();
    until_watched(&mut late, &[]).await;
}

/// A node without heartbeats is removed from watches and lookups after its ttl. Needs `ttl`.
pub async fn a_silent_node_disappears(world: World) {
    if !world.can_ttl() {
        return;
    }
    let service = world.service("silent");
    let node = world.node(&service, "a");
    let mut watch = world.theirs.watch(&service).await.unwrap();
    let registration = world.ours.register(node.clone(), SHORT_TTL).await.unwrap();
    let change = until_watched(&mut watch, std::slice::from_ref(&node)).await;
    assert_eq!(change.added, std::slice::from_ref(&node));
    drop(registration);
    assert_eq!(next(&mut watch).await.removed, [node]);
    until(&world.theirs, &service, &[]).await;
}

/// A node with heartbeats stays for more than two of its ttls, while nodes without heartbeats are
/// added and removed. Needs `ttl`.
pub async fn a_heartbeat_keeps_a_node(world: World) {
    if !world.can_ttl() {
        return;
    }
    let service = world.service("beating");
    let node = world.node(&service, "a");
    let mut watch = world.theirs.watch(&service).await.unwrap();
    // Longer than the ttl of the other nodes, so that a short stall of a busy machine does not
    // delay a heartbeat past the ttl.
    let ttl = SHORT_TTL * 2;
    let registration = world.ours.register(node.clone(), ttl).await.unwrap();
    until_watched(&mut watch, std::slice::from_ref(&node)).await;
    for round in 0..5 {
        // This node expires after one second and thereby measures time.
        let silent = world.node(&service, &format!("silent-{round}"));
        let silent_registration = world
            .ours
            .register(silent.clone(), SHORT_TTL)
            .await
            .unwrap();
        until_beside(&mut watch, &node, Some(&silent)).await;
        drop(silent_registration);
        until_beside(&mut watch, &node, None).await;
    }
    registration.deregister().await.unwrap();
    assert_eq!(next(&mut watch).await.removed, [node]);
}

/// Takes changes until the list contains the node that stays and `other`, if given.
async fn until_beside(watch: &mut Watch, stays: &Node, other: Option<&Node>) {
    let mut nodes = vec![stays.clone()];
    nodes.extend(other.cloned());
    loop {
        let change = next(watch).await;
        assert!(change.nodes.contains(stays), "{change:?}");
        assert_eq!(change.updated, []);
        if change.nodes == nodes {
            return;
        }
    }
}

/// Invalid names, ids, addresses and ttls are rejected with `InvalidArgument`.
pub async fn wrong_names_are_refused(world: World) {
    let kind = |result: micro_message::error::Result<()>| result.unwrap_err().kind();
    let ours = &world.ours;
    let looked = ours.lookup("no/name").await.map(drop);
    assert_eq!(kind(looked), ErrorKind::InvalidArgument);
    for (node, ttl) in [
        (Node::new("No", "a", "127.0.0.1:1"), TTL),
        (Node::new("no", "a/b", "127.0.0.1:1"), TTL),
        (Node::new("no", "a", "nowhere"), TTL),
        (Node::new("no", "a", "127.0.0.1:1"), Duration::ZERO),
    ] {
        let registered = ours.register(node, ttl).await.map(drop);
        assert_eq!(kind(registered), ErrorKind::InvalidArgument);
    }
}

/// Listing fails with `Unimplemented` if the backend does not have the capability `list`.
pub async fn what_it_cannot_is_unimplemented(world: World) {
    if !world.theirs.capabilities().list {
        let error = world.theirs.list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented, "{error}");
    }
}
