//! The contract between the nodes and the callers of the tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use micro::Result;

/// The request of a greeting.
#[micro::message(package = "greeter")]
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Whom to greet.
    pub name: String,
    /// Returned unchanged.
    pub number: u64,
    /// How long the node waits before it responds.
    pub wait: Duration,
}

/// The response.
#[micro::message(package = "greeter")]
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The greeting.
    pub greeting: String,
    /// The number of the request.
    pub number: u64,
    /// Id of the process that responded.
    pub process: u32,
    /// Number of requests that the process was handling.
    pub running: u64,
}

/// Greets.
#[micro::service(package = "greeter")]
pub trait Greeter {
    /// Says hello.
    #[micro::rpc(idempotent)]
    async fn hello(&self, ask: Ask) -> Result<Answer>;

    /// Says hello. Not idempotent.
    #[micro::rpc]
    async fn once(&self, ask: Ask) -> Result<Answer>;
}

/// The response of every node.
pub async fn answer(ask: Ask) -> Answer {
    static RUNNING: AtomicU64 = AtomicU64::new(0);
    let running = RUNNING.fetch_add(1, Ordering::Relaxed);
    if !ask.wait.is_zero() {
        tokio::time::sleep(ask.wait).await;
    }
    RUNNING.fetch_sub(1, Ordering::Relaxed);
    Answer {
        greeting: format!("Hello {}", ask.name),
        number: ask.number,
        process: std::process::id(),
        running,
    }
}
