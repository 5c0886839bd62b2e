//! What every registry must do, run over each backend.
//!
//! Reads the backend's capabilities and asks for what it says it can do. Waits on conditions with a
//! deadline, as some backends are networks.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{Change, Node, Registry, Watch};

/// More than any backend needs; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(20);
const TTL: Duration = Duration::from_secs(30);

/// Runs the whole contract. `name` keeps the services of tests on one network apart; the two
/// registries see the same nodes and may be two handles of one backend.
pub(super) async fn holds(name: &str, ours: Registry, theirs: Registry) {
    let service = |what: &str| format!("{name}-{what}");
    unknown_has_no_nodes(&service("unknown"), &theirs).await;
    registered_is_found(&service("found"), &ours, &theirs).await;
    watch_tells_changes(&service("watched"), &ours, &theirs).await;
    two_watches_see_the_same(&service("two"), &ours, &theirs).await;
    if ours.capabilities().ttl {
        silent_node_disappears(&service("silent"), &ours, &theirs).await;
        heartbeat_keeps(&service("beating"), &ours, &theirs).await;
    }
    wrong_names_are_refused(&ours).await;
}

fn node(service: &str, id: &str) -> Node {
    Node::new(service, format!("{service}-{id}"), "127.0.0.1:8080")
        .with_version("1.0.0")
        .with_metadata("zone", "west")
        .with_methods([format!("/{}.Greeter/Hello", service.replace('-', "_"))])
}

/// Looks up until the answer is this.
async fn until(registry: &Registry, service: &str, expected: &[Node]) {
    let mut last = Vec::new();
    let wait = async {
        loop {
            last = registry.lookup(service).await.unwrap();
            if last == expected {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let met = timeout(PATIENCE, wait).await.is_ok();
    assert!(met, "{service}: {last:?} is not {expected:?}");
}

async fn next(watch: &mut Watch) -> Change {
    timeout(PATIENCE, watch.next())
        .await
        .expect("a change in time")
        .expect("watch goes on")
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

async fn unknown_has_no_nodes(service: &str, theirs: &Registry) {
    assert_eq!(theirs.lookup(service).await.unwrap(), []);
    let mut watch = theirs.watch(service).await.unwrap();
    assert_eq!(next(&mut watch).await, Change::default());
}

async fn registered_is_found(service: &str, ours: &Registry, theirs: &Registry) {
    let (a, b) = (node(service, "a"), node(service, "b"));
    let first = ours.register(a.clone(), TTL).await.unwrap();
    let second = ours.register(b.clone(), TTL).await.unwrap();
    until(theirs, service, &[a.clone(), b.clone()]).await;
    if theirs.capabilities().list {
        let all = theirs.list().await.unwrap();
        let own: Vec<_> = all
            .into_iter()
            .filter(|node| node.service == service)
            .collect();
        assert_eq!(own, [a, b.clone()]);
    }
    first.deregister().await.unwrap();
    until(theirs, service, std::slice::from_ref(&b)).await;
    second.deregister().await.unwrap();
    until(theirs, service, &[]).await;
}

async fn watch_tells_changes(service: &str, ours: &Registry, theirs: &Registry) {
    let old = node(service, "a");
    let new = old
        .clone()
        .with_version("2.0.0")
        .with_metadata("zone", "east");
    let mut watch = theirs.watch(service).await.unwrap();
    assert_eq!(next(&mut watch).await, Change::default());

    let first = ours.register(old.clone(), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, std::slice::from_ref(&old));

    let second = ours.register(new.clone(), TTL).await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.updated, std::slice::from_ref(&new));
    assert_eq!((change.added.len(), change.removed.len()), (0, 0));

    drop(first);
    second.deregister().await.unwrap();
    let change = next(&mut watch).await;
    assert_eq!(change.removed, [new]);
    assert_eq!(change.nodes, []);
}

async fn two_watches_see_the_same(service: &str, ours: &Registry, theirs: &Registry) {
    let a = node(service, "a");
    let mut early = theirs.watch(service).await.unwrap();
    let registration = ours.register(a.clone(), TTL).await.unwrap();
    until_watched(&mut early, std::slice::from_ref(&a)).await;
    let mut late = theirs.watch(service).await.unwrap();
    assert_eq!(next(&mut late).await.added, [a]);
    drop(early);
    registration.deregister().await.unwrap();
    until_watched(&mut late, &[]).await;
}

async fn silent_node_disappears(service: &str, ours: &Registry, theirs: &Registry) {
    let mut watch = theirs.watch(service).await.unwrap();
    let ttl = Duration::from_secs(1);
    let registration = ours.register(node(service, "a"), ttl).await.unwrap();
    let change = until_watched(&mut watch, &[node(service, "a")]).await;
    assert_eq!(change.added, [node(service, "a")]);
    drop(registration);
    assert_eq!(next(&mut watch).await.removed, [node(service, "a")]);
    until(theirs, service, &[]).await;
}

async fn heartbeat_keeps(service: &str, ours: &Registry, theirs: &Registry) {
    let mut watch = theirs.watch(service).await.unwrap();
    let ttl = Duration::from_secs(1);
    let registration = ours.register(node(service, "a"), ttl).await.unwrap();
    until_watched(&mut watch, &[node(service, "a")]).await;
    let change = timeout(ttl * 3, watch.next()).await;
    assert!(
        change.is_err(),
        "nothing changes while the heart beats: {change:?}"
    );
    registration.deregister().await.unwrap();
    assert_eq!(next(&mut watch).await.removed.len(), 1);
}

async fn wrong_names_are_refused(ours: &Registry) {
    assert!(ours.lookup("no/name").await.is_err());
    assert!(
        ours.register(Node::new("No", "a", "127.0.0.1:1"), TTL)
            .await
            .is_err()
    );
    assert!(
        ours.register(Node::new("no", "a", "nowhere"), TTL)
            .await
            .is_err()
    );
    assert!(
        ours.register(Node::new("no", "a", "127.0.0.1:1"), Duration::ZERO)
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() {
    let registry = Registry::open("memory://").unwrap();
    holds("memory", registry.clone(), registry).await;
}

#[tokio::test]
async fn host_keeps_the_contract() {
    let dir = crate::host::scratch();
    let open = || Registry::new(crate::Host::new(dir.path()));
    holds("host", open(), open()).await;
}

#[tokio::test]
async fn union_keeps_the_contract() {
    let dir = crate::host::scratch();
    let memory = crate::Memory::new();
    let host = || Registry::new(crate::Host::new(dir.path()));
    let ours = Registry::union([Registry::new(memory.clone()), host()]);
    let theirs = Registry::union([host(), Registry::new(memory)]);
    holds("union", ours, theirs).await;
}

#[tokio::test]
async fn mdns_keeps_the_contract() {
    let open = || Registry::new(crate::Mdns::on_port(45_353));
    holds(&format!("mdns-{}", std::process::id()), open(), open()).await;
}
