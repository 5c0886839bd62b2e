//! Nodes that crash and nodes that stop, under 64 callers: calls that must not fail do not fail.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use micro::client::Client;
use micro::registry::Registry;
use micro_tests::{Ask, GreeterClient, Program, World, until_async};
use tokio::task::JoinSet;

const CALLERS: u64 = 64;

/// The kinds of calls that callers make.
#[derive(Clone, Copy)]
enum Calls {
    /// Only idempotent calls.
    Idempotent,
    /// Idempotent and other calls, short ones and long ones.
    All,
}

/// State that the callers share.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answered: AtomicU64,
    /// Processes that have answered since the set was last cleared.
    seen: Mutex<HashSet<u32>>,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Waits until this many further calls have been answered.
    async fn more(&self, calls: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + calls;
        until_async("more answers", || async {
            (self.answered.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Waits until exactly these processes answer.
    async fn answered_by(&self, processes: HashSet<u32>) {
        until_async(&format!("answers of {processes:?} alone"), || async {
            self.seen.lock().unwrap().clear();
            self.more(1000).await;
            (*self.seen.lock().unwrap() == processes).then_some(())
        })
        .await;
    }

    async fn call(&self, greeter: &GreeterClient, number: u64, calls: Calls) {
        let may_not_repeat = matches!(calls, Calls::All) && number % 2 == 1;
        let slow = matches!(calls, Calls::All) && number % 16 < 2;
        let ask = Ask {
            name: "Ada".to_owned(),
            number,
            wait: Duration::from_millis(if slow { 100 } else { 0 }),
        };
        let answer = if may_not_repeat {
            greeter.once(ask).await
        } else {
            greeter.hello(ask).await
        };
        match answer {
            Ok(answer) if answer.number == number => {
                self.seen.lock().unwrap().insert(answer.process);
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => self.fail(format!("{number} got the answer of {}", answer.number)),
            Err(error) => self.fail(format!("{number}: {error:?}")),
        }
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }
}

/// Callers of the nodes of a world.
struct Callers {
    load: Arc<Load>,
    client: Client,
    tasks: JoinSet<()>,
}

impl Callers {
    fn start(world: &World, calls: Calls) -> Self {
        let registry = Registry::open(&world.registry()).unwrap();
        let client = Client::builder().registry(registry).build();
        let load = Arc::new(Load::default());
        let mut tasks = JoinSet::new();
        for caller in 0..CALLERS {
            let (load, greeter) = (Arc::clone(&load), GreeterClient::new(client.clone()));
            tasks.spawn(async move {
                let mut number = caller;
                while !load.stop.load(Ordering::Relaxed) {
                    load.call(&greeter, number, calls).await;
                    number += CALLERS + 1;
                }
            });
        }
        Self {
            load,
            client,
            tasks,
        }
    }

    /// Stops the callers and checks that no call failed.
    async fn finish(mut self) {
        self.load.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.unwrap();
        }
        self.client.close().await;
        let failures = self.load.failures.lock().unwrap();
        let answered = self.load.answered.load(Ordering::Relaxed);
        println!("{answered} calls answered, {} failed", failures.len());
        assert!(
            failures.is_empty(),
            "{} of {answered} calls failed: {:#?}",
            failures.len(),
            &failures[..failures.len().min(5)]
        );
    }
}

fn node(world: &World) -> Program {
    let mut node = Program::start(&mut world.command(env!("CARGO_BIN_EXE_node")));
    node.line("node");
    node
}

fn ids(nodes: &[Program]) -> HashSet<u32> {
    nodes.iter().map(Program::id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_fails_no_idempotent_call() {
    let world = World::new();
    let mut nodes: Vec<Program> = (0..3).map(|_| node(&world)).collect();
    let callers = Callers::start(&world, Calls::Idempotent);
    callers.load.answered_by(ids(&nodes)).await;
    let mut killed = nodes.remove(1);
    killed.kill();
    killed.wait();
    callers.load.answered_by(ids(&nodes)).await;
    callers.load.more(1000).await;
    callers.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_replaced_one_by_one_fail_no_call() {
    let world = World::new();
    let mut nodes: Vec<Program> = (0..3).map(|_| node(&world)).collect();
    let callers = Callers::start(&world, Calls::All);
    callers.load.answered_by(ids(&nodes)).await;
    for _ in 0..3 {
        let mut leaving = nodes.remove(0);
        leaving.terminate();
        let (status, leaving) = tokio::task::spawn_blocking(move || (leaving.wait(), leaving))
            .await
            .unwrap();
        assert!(status.success(), "{status}: {:?}", leaving.errors());
        callers.load.answered_by(ids(&nodes)).await;
        nodes.push(node(&world));
        callers.load.answered_by(ids(&nodes)).await;
    }
    callers.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_node_finishes_what_it_has_begun() {
    let world = World::new();
    let mut node = node(&world);
    let registry = Registry::open(&world.registry()).unwrap();
    let client = Client::builder().registry(registry).build();
    let greeter = GreeterClient::new(client.clone());
    let mut calls = JoinSet::new();
    for number in 0..CALLERS {
        let greeter = greeter.clone();
        let wait = Duration::from_millis(1500);
        let name = "Ada".to_owned();
        let ask = Ask { name, number, wait };
        calls.spawn(async move { greeter.once(ask).await });
    }
    until_async("all calls to have begun", || async {
        let answer = greeter.hello(Ask::default()).await.unwrap();
        (answer.running == CALLERS).then_some(())
    })
    .await;
    node.terminate();
    let mut numbers = HashSet::new();
    while let Some(call) = calls.join_next().await {
        numbers.insert(call.unwrap().unwrap().number);
    }
    assert_eq!(numbers, (0..CALLERS).collect());
    assert!(node.wait().success());
    client.close().await;
}
