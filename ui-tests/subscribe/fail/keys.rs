use micro::prelude::*;

#[micro::message(topic = "orders.made")]
struct Made {
    order: u64,
}

#[micro::subscribe("orders..made", queu = "a", concurrency = 0, ack = "manuel", group = "b")]
async fn count(_event: Made) {}

fn main() {}
