//! A node with subscribers of the broker `http` in a separate process: this program, started again.
//!
//! A subscriber reports an event to its output before the event counts as handled, so that no
//! report is lost when the process is killed.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use micro::broker::Subscriber;
use micro::broker::{Broker, Delivery, Event, HostInfo, Options, Subscription};
use micro::handler::Parts;
use micro::registry::Registry;
use micro::{App, Error, Result};

/// The topic of all publishers and subscribers.
pub(crate) const TOPIC: &str = "bench.made";
/// Number of an event that only checks whether a subscriber is reachable.
pub(crate) const PROBE: u64 = u64::MAX;
/// Size of an event's payload, in bytes.
pub(crate) const SIZE: usize = 100;

/// Creates an event with a number.
pub(crate) fn event(number: u64) -> Result<Event> {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(SIZE, 7);
    Event::raw(TOPIC, "application/octet-stream", body)
}

/// Reads the number of an event.
pub(crate) fn number(delivery: &Delivery) -> Result<u64> {
    let bytes = delivery.event().body.first_chunk::<8>();
    let bytes = bytes.ok_or_else(|| Error::data_loss("not our event"))?;
    Ok(u64::from_le_bytes(*bytes))
}

/// Nanoseconds since 1970, the same in all processes.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// Options of the subscriber `name`: `q0` is a member of a queue, names with another first letter
/// are plain subscribers.
pub(crate) fn options(name: &str) -> Options {
    let options = Options::new().name(name);
    if name.starts_with('q') {
        options.queue(name).concurrency(4)
    } else {
        options
    }
}

/// Creates a broker that publishes to the nodes of a registry.
pub(crate) async fn publisher(registry: &str) -> Result<Broker> {
    let broker = Broker::open("http://")?;
    let place = HostInfo::new(Registry::open(registry)?);
    broker.attach(&place).await?;
    Ok(broker)
}

/// Runs a node until its input ends. `task` decides whether it reports numbers, reports latencies,
/// or is quiet. Subscribers are named `q0,q1,p3`, numbered by the end of their names.
pub(crate) async fn run(registry: &str, task: &str, subscribers: &str) -> Result<()> {
    std::thread::spawn(|| {
        let ended = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    let tell: fn(u64) -> Option<u64> = match task {
        "tell" => Some,
        "time" => |sent| Some(now().saturating_sub(sent)),
        _ => |_| None,
    };
    // An app without services opens no port, so add a subscriber that receives no events.
    let idle = Subscriber::new("idle", "nobody.speaks", |_: Parts, _: Event| async {
        Ok(())
    });
    let app = App::builder()
        .setting("registry", registry)
        .subscriber(idle);
    let app = app.build().await?;
    let mut running = app.start().await?;
    let mut all = Vec::new();
    for name in subscribers.split(',') {
        all.push(subscribe(app.broker(), name, tell).await?);
    }
    running.wait().await
}

async fn subscribe(
    broker: &Broker,
    name: &str,
    tell: fn(u64) -> Option<u64>,
) -> Result<Subscription> {
    let last = name.bytes().last().unwrap_or(b'0');
    let subscriber = last.wrapping_sub(b'0');
    let handle = move |delivery: Delivery| {
        let told = number(&delivery).and_then(|number| match number {
            PROBE => say(subscriber, PROBE),
            number => tell(number).map_or(Ok(()), |told| say(subscriber, told)),
        });
        std::future::ready(told)
    };
    broker.subscribe(TOPIC, options(name), handle).await
}

/// Writes nine bytes at once.
fn say(subscriber: u8, told: u64) -> Result<()> {
    let mut bytes = [subscriber; 9];
    bytes[1..].copy_from_slice(&told.to_le_bytes());
    // Any newline would flush the buffer, wherever it occurs.
    let mut output = io::stdout().lock();
    let said = output.write_all(&bytes).and_then(|()| output.flush());
    said.map_err(|error| Error::unavailable("nobody listens").with_source(error))
}

/// A running node. It is killed when dropped.
pub(crate) struct Node {
    child: Child,
    /// Reads the node's reports and ends with the node.
    reading: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node. Reports of its subscribers go to `heard`.
    pub(crate) fn start(
        registry: &str,
        task: &str,
        subscribers: &str,
        mut heard: impl FnMut(u8, u64) + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["node", registry, task, subscribers])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut output = io::BufReader::new(output);
        let reading = std::thread::spawn(move || {
            let (mut subscriber, mut told) = ([0], [0; 8]);
            while output.read_exact(&mut subscriber).is_ok() && output.read_exact(&mut told).is_ok()
            {
                heard(subscriber[0], u64::from_le_bytes(told));
            }
        });
        Ok(Self {
            child,
            reading: Some(reading),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    /// Kills the node as `kill -9` does. Its previous reports are still read.
    fn drop(&mut self) {
        if self.child.kill().is_err() || self.child.wait().is_err() {
            eprintln!("node {} may still run", self.child.id());
        }
        let reading = self.reading.take().map(JoinHandle::join);
        if matches!(reading, Some(Err(_))) {
            eprintln!("what node {} told was not heard", self.child.id());
        }
    }
}
