//! A service and subscribers that fail in the way that the request names, for tests of the log.
//! With the argument `log`, the wrap `Log` is around them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use micro::prelude::*;
use micro::wrap::Wrap;

/// The request, and the event.
#[micro::message(package = "failing", topic = "failing.work")]
struct Work {
    /// The name of an error kind, `panic`, `wait` or `ok`.
    how: String,
}

/// The event of a durable stream.
#[micro::message(package = "failing", topic = "failing.stored")]
struct Stored {
    how: String,
}

#[micro::message(package = "failing")]
struct Done {
    text: String,
}

/// Fails on request.
#[micro::service(package = "failing")]
struct Failing {
    events: Events,
    broker: Broker,
}

fn outcome(how: &str) -> Result<Done> {
    assert!(how != "panic", "secret of the panic");
    let Some(kind) = ErrorKind::from_name(how) else {
        return Ok(Done {
            text: how.to_owned(),
        });
    };
    let inner = io::Error::other("secret of the disk");
    let cause = Error::internal("secret of the table").with_source(inner);
    Err(Error::new(kind, format!("no luck with `{how}`")).with_source(cause))
}

#[micro::service]
impl Failing {
    #[micro::rpc(http = "POST /v1/work")]
    async fn once(&self, work: Work) -> Result<Done> {
        outcome(&work.how)
    }

    /// Sends one message before it fails, or before it waits without end.
    #[micro::rpc]
    async fn stream(&self, work: Work) -> Result<Streaming<Done>> {
        Ok(Streaming::make(|out| async move {
            out.send(outcome("ok")?).await?;
            if work.how == "wait" {
                return std::future::pending().await;
            }
            out.send(outcome(&work.how)?).await
        }))
    }

    /// Publishes an event whose subscriber fails.
    #[micro::rpc]
    async fn publish(&self, work: Work) -> Result<()> {
        self.broker.publish(&work).await?;
        Ok(())
    }

    /// Stores an event whose subscriber fails.
    #[micro::rpc]
    async fn store(&self, work: Work) -> Result<()> {
        self.events.append(&Stored { how: work.how }).await?;
        Ok(())
    }
}

#[micro::subscribe(retries = 0)]
async fn handle_work(work: Work) -> Result<()> {
    outcome(&work.how).map(drop)
}

#[micro::subscribe(stream = "failing.stored", retries = 0)]
async fn handle_stored(stored: Stored) -> Result<()> {
    outcome(&stored.how).map(drop)
}

static LOGS: AtomicBool = AtomicBool::new(false);

#[micro::wrap]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    if LOGS.load(Ordering::Relaxed) {
        micro::wrap::Log::default().wrap(call, next).await
    } else {
        next.run(call).await
    }
}

#[micro::on(start)]
async fn start() {
    let word = std::env::args().nth(1).unwrap_or_default();
    LOGS.store(word == "log", Ordering::Relaxed);
}

fn main() {
    micro::run!();
}
