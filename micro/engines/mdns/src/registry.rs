//! Registry of nodes on the local network, by multicast DNS with the records of Go Micro.
//!
//! Go Micro programs find the nodes of this registry and the reverse. Unlike Go Micro's, these
//! records have the ttl of the registration, and changes are announced at once. The registry uses
//! the domain `micro.` only, and never sends a loopback address from one machine to another.

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
/// Capacity of the task's command queue.
const COMMAND_CAPACITY: usize = 64;

/// A registry without a server: nodes announce themselves on the local network.
///
/// Clones share the sockets. The first operation opens them, and dropping the last clone and watch
/// closes them. A lookup returns as soon as nodes respond (some milliseconds), or after one second
/// without a response.
#[derive(Clone, Debug)]
pub struct Mdns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    port: u16,
    /// The secret that signs the records.
    secret: Option<Secret>,
    /// The running task. `None` before the first operation.
    running: Mutex<Option<Arc<RunningEngine>>>,
}

#[derive(Debug)]
struct RunningEngine {
    commands: mpsc::Sender<Command>,
    /// Aborted when the last clone and watch are dropped.
    task: AbortOnDrop<()>,
}

impl Mdns {
    /// Creates the registry of the local network, on all interfaces.
    pub fn new() -> Self {
        Self::on_port(PORT)
    }

    /// Opens an `mdns://` URL. `rest` is empty, or `?secret=` followed by a percent-encoded secret.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for any other `rest`. For other errors, see
    /// [`with_secret`](Self::with_secret). The messages do not contain `rest`.
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

    /// Creates a registry on a port other than that of multicast DNS, 5353. Only programs on the
    /// same port find each other, so tests and separate groups of programs do not disturb the rest
    /// of the network.
    pub fn on_port(port: u16) -> Self {
        Self(Arc::new(Shared {
            port,
            secret: None,
            running: Mutex::new(None),
        }))
    }

    /// Signs the records of this registry's nodes with a secret, and ignores records of others that
    /// are not signed with the same secret.
    ///
    /// The secret must have at least 16 bytes and should be random. Programs without it, including
    /// those of Go Micro, still find the nodes of this registry, but this registry does not find
    /// theirs.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the secret is too short.
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
            // No node was ever announced.
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
