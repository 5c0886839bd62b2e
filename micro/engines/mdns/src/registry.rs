//! Nodes on the local network, by multicast DNS with the records of Go Micro.
//!
//! Go Micro programs see our nodes and we see theirs; unlike theirs our records have the ttl of the
//! registration and changes are told at once. Asks and answers for the domain `micro.` only, and
//! never carries a loopback address from one machine to another.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::engine::{Command, Engine};
use crate::sign::Secret;
use crate::socket::Sockets;
use micro_message::error::{Error, ErrorKind, OrError, Result};
use micro_registry::Node;
use micro_registry::Watch;
use micro_registry::internal::AbortOnDrop;
use micro_registry::{Backend, Capabilities};

/// The port of multicast DNS.
const PORT: u16 = 5353;
/// Commands that may wait for the task.
const COMMAND_CAPACITY: usize = 64;

/// A registry without a server: nodes tell of themselves on the local network.
///
/// Clones share the sockets, which are opened by the first operation and closed with the last
/// clone and watch. A lookup answers as soon as nodes do (some milliseconds), or after one second
/// of silence.
#[derive(Clone, Debug)]
pub struct Mdns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    port: u16,
    /// What signs the records.
    secret: Option<Secret>,
    /// The task, from the first operation on.
    running: Mutex<Option<Arc<RunningEngine>>>,
}

#[derive(Debug)]
struct RunningEngine {
    commands: mpsc::Sender<Command>,
    /// Stopped with the last clone and watch.
    task: AbortOnDrop<()>,
}

impl Mdns {
    /// The registry of the local network, on all interfaces.
    pub fn new() -> Self {
        Self::on_port(PORT)
    }

    /// Opens what follows `mdns://`: nothing, or `?secret=` and a secret, percent-encoded.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is anything else, and as [`with_secret`](Self::with_secret). The
    /// messages do not repeat what follows `mdns://`.
    pub fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new());
        }
        let secret = rest
            .strip_prefix("?secret=")
            .filter(|secret| !secret.contains(['&', '?', '=']));
        let secret = secret.ok_or_else(|| {
            Error::invalid_argument(
                "what follows `mdns://` is not `?secret=…`; write `mdns://` or \
                 `mdns://?secret=…`, percent-encoded",
            )
        })?;
        let secret = percent_decode_str(secret).decode_utf8();
        let secret = secret.or_error(
            ErrorKind::InvalidArgument,
            "the secret of `mdns://?secret=…` is not UTF-8",
        )?;
        Self::new().with_secret(&secret)
    }

    /// A registry on another port than multicast DNS's own, 5353: its programs find each other and
    /// nobody else on the network, so tests and separate groups of programs do not disturb others.
    pub fn on_port(port: u16) -> Self {
        Self(Arc::new(Shared {
            port,
            secret: None,
            running: Mutex::new(None),
        }))
    }

    /// Signs the records of this registry's nodes with a secret, and ignores those of others that
    /// are not signed with the same one.
    ///
    /// The secret has at least 16 bytes; take a random one. Programs without it, among them those
    /// of Go Micro, still find the nodes of this one, and are not found by it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is too short.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::registry::{Mdns, Registry};
    ///
    /// # fn main() -> micro::Result<()> {
    /// let secret = "0d2f9a417c55e1b8"; // from a file that only this user can read
    /// let registry = Registry::new(Mdns::new().with_secret(secret)?);
    /// assert!(Mdns::new().with_secret("short").is_err());
    /// # Ok(()) }
    /// ```
    pub fn with_secret(&self, secret: &str) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            port: self.0.port,
            secret: Some(Secret::new(secret)?),
            running: Mutex::new(None),
        })))
    }

    async fn running(&self) -> Result<Arc<RunningEngine>> {
        let mut running = self.0.running.lock().await;
        if let Some(running) = &*running
            && !running.task.0.is_finished()
        {
            return Ok(Arc::clone(running));
        }
        let sockets = Sockets::open(self.0.port)?;
        let (commands, queue) = mpsc::channel(COMMAND_CAPACITY);
        let task = AbortOnDrop::spawn(Engine::new(sockets, self.0.secret.clone()).run(queue));
        Ok(Arc::clone(
            running.insert(Arc::new(RunningEngine { commands, task })),
        ))
    }

    async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<(T, Arc<RunningEngine>)> {
        let running = self.running().await?;
        let ended = || Error::unavailable("the multicast DNS task has ended, try again");
        let (reply, answer) = oneshot::channel();
        running
            .commands
            .send(command(reply))
            .await
            .map_err(|_| ended())?;
        Ok((answer.await.map_err(|_| ended())?, running))
    }
}

impl Default for Mdns {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Mdns {
    fn scheme(&self) -> &'static str {
        "mdns"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        self.command(|reply| Command::Register(node, ttl, reply))
            .await?
            .0
    }

    async fn deregister(&self, node: &Node) -> Result<()> {
        if self.0.running.lock().await.is_none() {
            // Nothing was ever told.
            return Ok(());
        }
        self.command(|reply| Command::Deregister(node.clone(), reply))
            .await?
            .0
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        let lookup = |reply| Command::Lookup(service.to_owned(), reply);
        Ok(self.command(lookup).await?.0)
    }

    async fn list(&self) -> Result<Vec<Node>> {
        Ok(self.command(Command::List).await?.0)
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let (watch, running) = self
            .command(|reply| Command::Watch(service.to_owned(), reply))
            .await?;
        Ok(watch.with_guard(running))
    }
}
