//! Tests of the host registry's own behavior. The contract suite runs elsewhere.

use std::fs;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::changes::Changes;
use crate::clock::Clock;
use crate::file::tests::scratch;
use crate::file::{self, Record};
use crate::process::Process;
use crate::registry::Host;
use crate::watcher;
use micro_message::error::Error;
use micro_registry::Change;
use micro_registry::Watch;
use micro_registry::internal::AbortOnDrop;
use micro_registry::{Node, Registry};

const PATIENCE: Duration = Duration::from_secs(20);
const TTL: Duration = Duration::from_secs(60);

fn node(id: &str) -> Node {
    Node::new("greeter", id, "127.0.0.1:8080")
}

async fn next(watch: &mut Watch) -> Change {
    timeout(PATIENCE, watch.next())
        .await
        .expect("a change in time")
        .expect("watch goes on")
}

#[tokio::test]
async fn new_node_is_seen_at_once() {
    let dir = scratch();
    let (ours, theirs) = (Registry::new(Host::new(dir.path())), Host::new(dir.path()));
    let mut watch = Registry::new(theirs).watch("greeter").await.unwrap();
    assert_eq!(next(&mut watch).await, Change::default());
    let start = Instant::now();
    let _registration = ours.register(node("a"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [node("a")]);
    println!("seen after {:?}", start.elapsed());
}

#[tokio::test]
async fn without_eyes_changes_are_found_all_the_same() {
    let dir = scratch();
    let host = Host::new(dir.path());
    let (sender, mut watch) = Watch::channel();
    host.0
        .watches
        .lock()
        .senders
        .insert("greeter".to_owned(), sender);
    let open = |_: &Path, _, _| Err(Error::unavailable("no watches here"));
    let _feed = AbortOnDrop(tokio::spawn(watcher::feed(host, open)));
    assert_eq!(next(&mut watch).await, Change::default());
    let ours = Registry::new(Host::new(dir.path()));
    let registration = ours.register(node("a"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [node("a")]);
    registration.deregister().await.unwrap();
    assert_eq!(next(&mut watch).await.removed, [node("a")]);
}

/// A watch that fails once is opened again, and reports changes then.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn watch_that_breaks_is_opened_again() {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let dir = scratch();
    let host = Host::new(dir.path());
    let (sender, mut watch) = Watch::channel();
    host.0
        .watches
        .lock()
        .senders
        .insert("greeter".to_owned(), sender);
    let ours = Registry::new(Host::new(dir.path()));
    let _first = ours.register(node("a"), TTL).await.unwrap();
    let open = |dir: &Path, changed, relevant| {
        let changes = Changes::watch(dir, changed, relevant)?;
        if OPENED.fetch_add(1, Ordering::SeqCst) == 0 {
            changes.break_off();
        }
        Ok(changes)
    };
    let _feed = AbortOnDrop(tokio::spawn(watcher::feed(host, open)));
    while next(&mut watch).await.nodes != [node("a")] {}
    let reopened = async {
        while OPENED.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reopened).await.unwrap();
    // Without reports, the next scan would be 30 s later.
    let _second = ours.register(node("b"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.added, [node("b")]);
    assert_eq!(OPENED.load(Ordering::SeqCst), 2, "and it stays open");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn killed_process_is_gone_long_before_its_ttl() {
    let dir = scratch();
    let host = Host::new(dir.path());
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let owner = Process::of(child.id());
    let mut watch = Registry::new(host).watch("greeter").await.unwrap();
    let record = Record::new(node("a"), TTL, owner, &Clock::new().now());
    file::write(dir.path(), &record).unwrap();
    while next(&mut watch).await.nodes != [node("a")] {}
    child.kill().unwrap();
    // The child is not reaped yet: a zombie must not count as running.
    assert_eq!(next(&mut watch).await.removed, [node("a")]);
    child.wait().unwrap();
}

/// It does not matter which process's wall clock is set or which process notices first: all
/// processes of a machine share one uptime.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn nobody_is_forgotten_when_the_wall_clock_is_set() {
    let dir = scratch();
    let (writing, reading) = (Host::new(dir.path()), Host::new(dir.path()));
    let (ours, theirs) = (
        Registry::new(writing.clone()),
        Registry::new(reading.clone()),
    );
    let before = ours.register(node("a"), TTL).await.unwrap();
    let mut watch = theirs.watch("greeter").await.unwrap();
    assert_eq!(next(&mut watch).await.nodes, [node("a")]);
    // Set it further than expired records are kept, so that the file itself would be deleted as
    // well.
    reading.0.clock.set_by.store(3600, Ordering::SeqCst);
    assert_eq!(theirs.lookup("greeter").await.unwrap(), [node("a")]);
    let after = ours.register(node("b"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.nodes, [node("a"), node("b")]);
    writing.0.clock.set_by.store(7200, Ordering::SeqCst);
    let last = ours.register(node("c"), TTL).await.unwrap();
    assert_eq!(next(&mut watch).await.removed, []);
    for registration in [before, after, last] {
        registration.deregister().await.unwrap();
    }
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing() {
    let dir = scratch();
    let theirs = Registry::new(Host::new(dir.path()));
    let mut watch = theirs.watch("greeter").await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..8 {
        let ours = Registry::new(Host::new(dir.path()));
        writers.push(tokio::spawn(async move {
            let mut kept = Vec::new();
            for n in 0..10 {
                // All writers write the shared node, each time as a whole file.
                kept.push(ours.register(node("shared"), TTL).await.unwrap());
                kept.push(
                    ours.register(node(&format!("{writer}-{n}")), TTL)
                        .await
                        .unwrap(),
                );
            }
            kept
        }));
    }
    let mut kept = Vec::new();
    for writer in writers {
        kept.extend(writer.await.unwrap());
    }
    while next(&mut watch).await.nodes.len() != 81 {}
    assert_eq!(theirs.lookup("greeter").await.unwrap().len(), 81);
}

#[tokio::test]
async fn directory_that_was_cleaned_away_comes_back() {
    let dir = scratch();
    let (ours, theirs) = (Registry::new(Host::new(dir.path())), Host::new(dir.path()));
    let mut watch = Registry::new(theirs).watch("greeter").await.unwrap();
    let first = ours.register(node("a"), TTL).await.unwrap();
    while next(&mut watch).await.nodes != [node("a")] {}
    fs::remove_dir_all(dir.path()).unwrap();
    assert_eq!(next(&mut watch).await.removed, [node("a")]);
    let _second = ours.register(node("b"), TTL).await.unwrap();
    while next(&mut watch).await.nodes != [node("b")] {}
    first.deregister().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn directory_of_everybody_is_never_used() {
    use std::os::unix::fs::PermissionsExt;
    let dir = scratch();
    fs::create_dir(dir.path()).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let registry = Registry::new(Host::new(dir.path()));
    let outcomes = [
        registry.lookup("greeter").await.map(drop),
        registry.watch("greeter").await.map(drop),
        registry.register(node("a"), TTL).await.map(drop),
    ];
    for outcome in outcomes {
        assert!(
            outcome
                .unwrap_err()
                .message()
                .contains("others may write to it")
        );
    }
}
