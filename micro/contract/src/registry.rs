//! What every registry must do.
//!
//! The author of a [`Backend`](micro_registry::Backend) promises:
//!
//! - A node that was registered is found by `lookup`, by `list` and by watches of its service,
//!   through every handle of the registry. It may take a moment until other handles see it.
//! - `register` with a known id replaces the record; a watch reports the change as `updated`.
//! - `deregister` removes a node at once; a watch reports it as `removed`.
//! - A watch reports first the list as it is, which may be empty, then every change.
//! - An unknown service has no nodes, which is not an error.
//! - With `ttl`, a node without heartbeats disappears after its ttl, and one with heartbeats stays.
//! - With `details`, metadata and methods of a node come back as they were registered. Id,
//!   version and address always do.
//!
//! Names, addresses and time limits are checked by the handle, for every backend alike.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use micro_message::error::ErrorKind;
use micro_registry::{Change, Node, Registry, Watch};
use tokio::time::{sleep, timeout};

use crate::{DEADLINE, report_skipped, unique_prefix};

const TTL: Duration = Duration::from_secs(30);
/// The shortest ttl that every backend can tell from none.
const SHORT_TTL: Duration = Duration::from_secs(1);
/// Pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// Two registries that see the same nodes, and names that no other case has.
pub struct World {
    /// Where a case registers.
    pub ours: Registry,
    /// Where a case looks. It may be a clone of `ours`.
    pub theirs: Registry,
    prefix: String,
    /// Dropped after the registries.
    guards: Vec<Box<dyn Any>>,
}

impl World {
    /// A world of two registries that see the same nodes.
    pub fn new(ours: Registry, theirs: Registry) -> Self {
        Self {
            ours,
            theirs,
            prefix: unique_prefix(),
            guards: Vec::new(),
        }
    }

    /// Calls what opens the registries; the macro does.
    pub async fn open<W: Into<Self>>(open: impl AsyncFnOnce() -> W) -> Self {
        open().await.into()
    }

    /// Keeps a value until the case ends, for example a directory that is removed when dropped.
    pub fn with_guard(mut self, guard: impl Any) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// The name of a service that no other case has.
    pub fn service(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    /// Whether a case can run; says so when it cannot.
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

    /// A node of a service.
    fn node(&self, service: &str, id: &str) -> Node {
        let node = Node::new(service, format!("{service}-{id}"), "127.0.0.1:8080")
            .with_version("1.0.0")
            .with_metadata("zone", "west")
            .with_methods([format!("/{}.Greeter/Hello", service.replace('-', "_"))]);
        self.visible(node)
    }

    /// A node without what the backend does not keep.
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

/// Looks up until the nodes are these.
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

/// Takes changes until the list is this.
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

/// Nodes are found by `lookup` once registered, and not any more once deregistered.
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

/// A watch reports a new node, a changed one and one that is gone, each as what it is.
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

    // Its heartbeats would bring the old record back.
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

/// A later watch of one service begins with the list as it is, and outlives the earlier one.
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

/// A node with heartbeats stays while silent nodes beside it come and go, for more than two of its
/// own ttls. Needs `ttl`.
pub async fn a_heartbeat_keeps_a_node(world: World) {
    if !world.can_ttl() {
        return;
    }
    let service = world.service("beating");
    let node = world.node(&service, "a");
    let mut watch = world.theirs.watch(&service).await.unwrap();
    // Longer than the others' so that a machine that is busy for a moment does not miss a beat.
    let ttl = SHORT_TTL * 2;
    let registration = world.ours.register(node.clone(), ttl).await.unwrap();
    until_watched(&mut watch, std::slice::from_ref(&node)).await;
    for round in 0..5 {
        // Lives for a second and is the clock: when it is gone, a second has passed.
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

/// Takes changes until there is another node beside the one that stays, or none.
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

/// Names, ids, addresses and ttls that cannot be are refused with `InvalidArgument`.
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

/// Listing fails with `Unimplemented` where the backend does not claim `list`.
pub async fn what_it_cannot_is_unimplemented(world: World) {
    if !world.theirs.capabilities().list {
        let error = world.theirs.list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented, "{error}");
    }
}
