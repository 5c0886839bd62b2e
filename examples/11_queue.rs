//! Work is shared by the members of a queue; what nobody can handle goes to the dead letters.
//! Prints
//!
//! ```text
//! `picture 3` after 2 attempts: no picture at all
//! 4 pictures are small
//! ```
//!
//! Started twice, this program's two copies would share the pictures: a queue is one, wherever its
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
    /// Four at once; those of one key in the order in which they were sent.
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

/// A dead letter is the event itself; what happened to it is in its metadata.
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
