//! The contract between the nodes and the callers of the tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use micro::Result;

/// A question.
#[micro::message(package = "greeter")]
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Whom to greet.
    pub name: String,
    /// Comes back as it is.
    pub number: u64,
    /// How long to think first.
    pub wait: Duration,
}

/// The answer.
#[micro::message(package = "greeter")]
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The greeting.
    pub greeting: String,
    /// The number of the question.
    pub number: u64,
    /// The process that answered.
    pub process: u32,
    /// How many questions it was thinking about.
    pub running: u64,
}

/// Greets.
#[micro::service(package = "greeter")]
pub trait Greeter {
    /// Says hello.
    #[micro::rpc(idempotent)]
    async fn hello(&self, ask: Ask) -> Result<Answer>;

    /// Says hello, and may not be asked twice.
    #[micro::rpc]
    async fn once(&self, ask: Ask) -> Result<Answer>;
}

/// What every node answers.
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
