//! Publishing and subscribing: a topic, two subscribers, an event whose handling fails once.
//! Prints
//!
//! ```text
//! the bill for order 7 is written
//! 2 took it
//! the bill for order 8 fails
//! the bill for order 8 is written
//! ```
//!
//! The topic is part of the type, and the compiler checks it. Publishing returns when every
//! subscriber has accepted the event. Each subscriber handles it at its own pace and retries after
//! a failure.

use std::sync::Mutex;

use micro::prelude::*;

/// An order was placed.
#[micro::message(topic = "shop.ordered")]
struct Ordered {
    order: u64,
}

/// Every subscriber receives every event.
#[micro::subscribe("shop.ordered", retries = 5, backoff = "10ms")]
async fn bill(delivery: Delivery, event: Ordered) -> Result<()> {
    if event.order == 8 && delivery.attempt() == 1 {
        println!("the bill for order 8 fails");
        return Err(Error::unavailable("the printer is out of paper"));
    }
    println!("the bill for order {} is written", event.order);
    Ok(())
}

#[micro::service]
struct Stock {
    #[micro(default)]
    orders: Mutex<Vec<u64>>,
}

#[micro::service]
impl Stock {
    /// A subscriber may be a method. `shop.*` matches any topic of two words that starts with
    /// `shop`.
    #[micro::subscribe("shop.*")]
    async fn reserve(&self, event: Ordered) -> Result<()> {
        let mut orders = self
            .orders
            .lock()
            .map_err(|_| Error::internal("no stock"))?;
        orders.push(event.order);
        Ok(())
    }
}

#[micro::on(ready)]
async fn order(ordered: Publisher<Ordered>, broker: Broker, stop: Stop) -> Result<()> {
    let published = ordered.publish(Ordered { order: 7 }).await?;
    broker.flush(secs(10)).await;
    println!("{} took it", published.taken);
    ordered.publish(Ordered { order: 8 }).key("8").await?;
    broker.flush(secs(10)).await;
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
