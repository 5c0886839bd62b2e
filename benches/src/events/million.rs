//! Millions of events through each broker, in bursts: three queues of two nodes and two plain
//! subscribers each receive every event once, in the order of its key. Also with a node that is
//! killed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use micro::broker::{Broker, Delivery, Memory};
use micro::registry::Registry;
use micro_benches::resident_bytes;
use tokio::task::JoinSet;

use crate::Scratch;
use crate::beside::until_taken;
use crate::node::{self, Node, PROBE, TOPIC};
use crate::tally::{KEYS, Member, Order as Seen, SUBSCRIBERS, Sum, Tally};

const TASKS: u64 = 16;
const BURST: usize = 32;
const KILLS: u64 = 5;
/// Time limit for the last events after all have been published.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The order in which the members of each queue and subscriber received events.
type Orders = Vec<Arc<Mutex<Seen>>>;

/// Publishes a number of events. Each task has its own keys. Returns how many bursts failed and
/// were published again.
async fn publish(broker: &Broker, many: u64, done: &Arc<AtomicU64>) -> io::Result<u64> {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (broker, done) = (broker.clone(), Arc::clone(done));
        tasks.spawn(async move {
            let step = usize::try_from(TASKS).unwrap_or(1);
            let numbers: Vec<u64> = (task..many).step_by(step).collect();
            let mut failed = 0;
            for burst in numbers.chunks(BURST) {
                loop {
                    let events = burst.iter().map(|&number| {
                        let event = node::event(number)?;
                        Ok(event
                            .with_id(number.to_string())
                            .with_key((number % KEYS).to_string()))
                    });
                    let events = events
                        .collect::<micro::Result<_>>()
                        .map_err(io::Error::other)?;
                    match broker.publish_all(events).await {
                        Ok(taken) if taken.iter().all(|&taken| taken == SUBSCRIBERS) => break,
                        // A subscriber did not accept it. Publish again with the same ids.
                        Ok(_) | Err(_) => failed += 1,
                    }
                }
                done.fetch_add(burst.len() as u64, Ordering::SeqCst);
            }
            Ok::<_, io::Error>(failed)
        });
    }
    let mut failed = 0;
    while let Some(task) = tasks.join_next().await {
        failed += task.map_err(io::Error::other)??;
    }
    Ok(failed)
}

/// Waits until every queue and subscriber has received everything, or no more arrives.
async fn settled(broker: &Broker, tally: &Tally) -> Vec<Sum> {
    let unsettled = broker.flush(SETTLE_TIMEOUT).await;
    if unsettled > 0 {
        println!("{unsettled} deliveries are not settled after {SETTLE_TIMEOUT:?}");
    }
    let start = Instant::now();
    loop {
        let sums = tally.sums();
        if start.elapsed() > SETTLE_TIMEOUT || sums.iter().all(|sum| sum.lost == 0) {
            return sums;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn memory(many: u64) -> io::Result<()> {
    let broker = Broker::new(Memory::new());
    let tally = Tally::new(usize::try_from(many).map_err(io::Error::other)?);
    let (mut orders, mut all) = (Orders::new(), Vec::new());
    for name in ["q0", "q1", "q2", "p3", "q0", "q1", "q2", "p4"] {
        let at = name[1..].parse().map_err(io::Error::other)?;
        let member = tally.member(at);
        orders.push(Arc::clone(&member.seen));
        let member = Mutex::new(member);
        let note = move |delivery: Delivery| {
            let number = node::number(&delivery);
            let noted = number.map(|number| {
                member
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .note(number);
            });
            std::future::ready(noted)
        };
        let subscribed = broker.subscribe(TOPIC, node::options(name), note).await;
        all.push(subscribed.map_err(io::Error::other)?);
    }
    let start = Instant::now();
    let failed = publish(&broker, many, &Arc::default()).await?;
    let sums = settled(&broker, &tally).await;
    let rss = resident_bytes(std::process::id())? >> 20;
    println!(
        "memory broker: {many} events, {:.1} s, {rss} MiB",
        start.elapsed().as_secs_f64()
    );
    judge(&sums, &orders, failed, true)
}

/// Records what a node reports.
fn hear(tally: &Tally, orders: &mut Orders) -> impl FnMut(u8, u64) + Send + 'static {
    let mut members: Vec<Member> = (0..SUBSCRIBERS).map(|at| tally.member(at)).collect();
    orders.extend(members.iter().map(|member| Arc::clone(&member.seen)));
    move |subscriber, told| match members.get_mut(usize::from(subscriber)) {
        Some(member) if told == PROBE => member.probe(),
        Some(member) => member.note(told),
        None => eprintln!("a subscriber {subscriber} that nobody knows"),
    }
}

/// Publishes probes until every member has received one.
async fn known(broker: &Broker, registry: &str, orders: &Orders, members: usize) -> io::Result<()> {
    let start = Instant::now();
    let all = Registry::open(registry).map_err(io::Error::other)?;
    while all
        .lookup("micro.http.broker")
        .await
        .map_or(0, |nodes| nodes.len())
        <= members
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if start.elapsed() > SETTLE_TIMEOUT {
            return Err(io::Error::other("the nodes do not register"));
        }
    }
    let probed =
        |order: &&Arc<Mutex<Seen>>| order.lock().unwrap_or_else(PoisonError::into_inner).probed;
    while orders.iter().filter(probed).count() < members {
        until_taken(broker, SUBSCRIBERS).await?;
        if start.elapsed() > SETTLE_TIMEOUT {
            return Err(io::Error::other("not every member is published to"));
        }
    }
    Ok(())
}

/// Runs two nodes in separate processes and kills the second `kills` times.
async fn http(scratch: &Scratch, many: u64, kills: u64) -> io::Result<()> {
    let registry = scratch.registry(&format!("million-{kills}"));
    let tally = Tally::new(usize::try_from(many).map_err(io::Error::other)?);
    let mut orders = Orders::new();
    // A plain subscriber is removed when its process ends, so only those of the first node are
    // counted.
    let names = match kills {
        0 => ["q0,q1,q2,p3", "q0,q1,q2,p4"],
        _ => ["q0,q1,q2,p3,p4", "q0,q1,q2"],
    };
    let mut nodes = Vec::new();
    for names in names {
        nodes.push(Node::start(
            &registry,
            "tell",
            names,
            hear(&tally, &mut orders),
        )?);
    }
    let broker = node::publisher(&registry).await.map_err(io::Error::other)?;
    known(&broker, &registry, &orders, 8).await?;
    let (start, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let publishing = {
        let (broker, done) = (broker.clone(), Arc::clone(&done));
        tokio::spawn(async move { publish(&broker, many, &done).await })
    };
    let (mut killed, mut most) = (0, [0; 3]);
    while !publishing.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let processes = [std::process::id(), nodes[0].id(), nodes[1].id()];
        for (most, process) in most.iter_mut().zip(processes) {
            *most = resident_bytes(process)?.max(*most);
        }
        if killed < kills && done.load(Ordering::SeqCst) >= many * (killed + 1) / (kills + 1) {
            killed += 1;
            drop(nodes.pop());
            nodes.push(Node::start(
                &registry,
                "tell",
                names[1],
                hear(&tally, &mut orders),
            )?);
        }
    }
    let failed = publishing.await.map_err(io::Error::other)??;
    let published = start.elapsed().as_secs_f64();
    let sums = settled(&broker, &tally).await;
    let [own, first, second] = most.map(|bytes| bytes >> 20);
    println!(
        "http broker, a node killed {killed} times: {many} events published in {published:.1} s, \
         settled after {:.1} s; at most {own} MiB for the publisher, {first} and {second} for the \
         nodes",
        start.elapsed().as_secs_f64()
    );
    if !broker.dead_letters().is_empty() {
        return Err(io::Error::other("there are dead letters"));
    }
    judge(&sums, &orders, failed, kills == 0)
}

/// Prints the results, and checks the guarantee: once each and in order, or at least once.
fn judge(sums: &[Sum], orders: &Orders, failed: u64, once: bool) -> io::Result<()> {
    let names = ["queue q0", "queue q1", "queue q2", "plain p3", "plain p4"];
    for (name, sum) in names.iter().zip(sums) {
        let Sum {
            delivered,
            lost,
            again,
        } = sum;
        println!("  {name}: {delivered} delivered, {lost} lost, {again} came again");
    }
    let (mut back, mut gaps) = (0, 0);
    for order in orders {
        let order = order.lock().unwrap_or_else(PoisonError::into_inner);
        (back, gaps) = (back + order.back, gaps + order.gaps);
    }
    println!("  {failed} bursts published again; {back} events after a later one of their key");
    let lost = sums.iter().any(|sum| sum.lost > 0);
    let plain = sums.iter().skip(3).any(|sum| sum.again > 0);
    let twice = sums.iter().any(|sum| sum.again > 0) || back + gaps + failed > 0;
    if lost || (once && (plain || twice)) {
        return Err(io::Error::other("not as promised"));
    }
    Ok(())
}

/// Runs the count on each broker.
pub(crate) async fn run(scratch: &Scratch, many: u64) -> io::Result<()> {
    memory(many).await?;
    http(scratch, many, 0).await
}

/// Runs the count while a node is killed and restarted.
pub(crate) async fn kill(scratch: &Scratch, many: u64) -> io::Result<()> {
    http(scratch, many, KILLS).await
}
