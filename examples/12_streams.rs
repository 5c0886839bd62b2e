//! A durable stream: orders are stored in files, packed by a consumer group that continues after a
//! restart, and read again from the beginning. Prints
//!
//! ```text
//! packed 2 apples for ada
//! packed 1 book for bob
//! not packed, too heavy: 1 piano for ada
//! 3 orders so far, 0 to be packed
//! ```
//!
//! The files stay. In a second run only the new orders are packed, but 6 were placed so far. The
//! files are in this user's data directory, unless `MICRO_EVENTS` names another place:
//! `file:///path` or `memory://`.

use std::time::Duration;

use micro::events::{Event, Options, Start};
use micro::prelude::*;

#[micro::message(topic = "orders.placed")]
struct Placed {
    customer: String,
    what: String,
}

/// Places orders. Each is on disk when `append` returns.
async fn place(events: &Events) -> Result<()> {
    for (customer, what) in [("ada", "2 apples"), ("bob", "1 book"), ("ada", "1 piano")] {
        let placed = Placed {
            customer: customer.into(),
            what: what.into(),
        };
        // The key keeps the orders of one customer in order. `events.append(&placed)` appends
        // without a key.
        let event = Event::of(&placed).with_key(customer);
        events.append_to("orders.placed", event).await?;
    }
    Ok(())
}

/// Packs the orders that are not packed yet. Several such loops, anywhere in the program, share the
/// work.
async fn pack(events: &Events) -> Result<()> {
    let options = Options::new().with_ack_wait(Duration::from_secs(10));
    let mut packers = events.consume("orders.placed", "packers", options).await?;
    while events.lag("orders.placed", "packers").await? > 0 {
        let Some(delivery) = packers.next().await else {
            break;
        };
        let delivery = delivery?;
        let order: Placed = delivery.record().decode()?;
        if order.what.contains("piano") {
            delivery.dead_letter("too heavy").await?;
        } else {
            println!("packed {} for {}", order.what, order.customer);
            delivery.ack().await?;
        }
    }
    Ok(())
}

#[micro::on(ready)]
async fn work(events: Events, stop: Stop) -> Result<()> {
    place(&events).await?;
    pack(&events).await?;

    let mut dead = events.read("orders.placed.dead", Start::Earliest).await?;
    if let Some(letter) = dead.next().await {
        let letter = letter?;
        let order: Placed = letter.decode()?;
        let reason = letter.event.metadata.get("dead-reason").unwrap_or("?");
        println!(
            "not packed, {reason}: {} for {}",
            order.what, order.customer
        );
    }

    // No consumer has acknowledged events as group `nobody`, so its lag is the number of all
    // events.
    let all = events.lag("orders.placed", "nobody").await?;
    let left = events.lag("orders.placed", "packers").await?;
    println!("{all} orders so far, {left} to be packed");
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
