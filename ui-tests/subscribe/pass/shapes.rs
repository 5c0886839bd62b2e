use micro::prelude::*;

#[micro::message(topic = "orders.made")]
struct Made {
    order: u64,
}

#[micro::subscribe]
async fn own(_event: Made) {}

#[micro::subscribe("orders.*", queue = "a", concurrency = 4, retries = 2, backoff = "1s")]
#[micro::subscribe("orders.>", dead_letter = "dead", ack = "manual", ack_wait = "5s")]
async fn twice(
    _context: Context,
    _delivery: Delivery,
    _broker: Broker,
    _event: Made,
) -> Result<()> {
    Ok(())
}

#[micro::subscribe("any.>", timeout = "2s")]
async fn raw(_event: micro::broker::Event) -> Result<()> {
    Ok(())
}

#[micro::service]
struct Store {
    made: Publisher<Made>,
}

#[micro::service]
impl Store {
    #[micro::subscribe]
    async fn keep(&self, event: Made) -> Result<()> {
        self.made.publish(Made { order: event.order + 1 }).await?;
        Ok(())
    }
}

fn main() {}
