//! The members of a queue share work. Events that cannot be handled become dead letters.
//! Prints
//!
//! ```text
//! `picture 3` after 2 attempts: no picture at all
//! 4 pictures are small
//! ```
//!
//! If the program runs twice, both copies share the pictures: a queue is the same wherever its
//! members run.

use std::sync::atomic::{AtomicU32, Ordering};

use micro::broker::Event;
use micro::prelude::*;

/// A picture was sent in.
#[micro::message(topic = "pictures.sent")]
struct Sent {
    name: String,
}

#[micro::service]
struct Studio {
    #[micro(default)]
    small: AtomicU32,
}

#[micro::service]
impl Studio {
    /// Handles four events at once. Events with the same key keep their order.
    #[micro::subscribe(
        queue = "shrink",
        concurrency = 4,
        retries = 1,
        backoff = "10ms",
        dead_letter = "pictures.dead"
    )]
    async fn shrink(&self, event: Sent) -> Result<()> {
        if event.name == "picture 3" {
            return Err(Error::invalid_argument("no picture at all"));
        }
        self.small.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A dead letter is the original event. Its metadata describes the failure.
#[micro::subscribe("pictures.dead")]
async fn look(event: Event) -> Result<()> {
    let fact = |name| event.metadata.get(name).unwrap_or_default();
    let (reason, attempts) = (fact("dead-letter-reason"), fact("dead-letter-attempts"));
    let name = event.decode::<Sent>()?.name;
    println!("`{name}` after {attempts} attempts: {reason}");
    Ok(())
}

#[micro::on(ready)]
async fn send(
    studio: &Studio,
    pictures: Publisher<Sent>,
    broker: Broker,
    stop: Stop,
) -> Result<()> {
    for number in 0..5 {
        let name = format!("picture {number}");
        pictures
            .publish(Sent { name })
            .key(format!("owner {}", number % 2))
            .await?;
    }
    broker.flush(secs(10)).await;
    let small = studio.small.load(Ordering::Relaxed);
    println!("{small} pictures are small");
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
