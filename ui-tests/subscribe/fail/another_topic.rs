use micro::prelude::*;

#[micro::message(topic = "orders.made")]
struct Made {
    order: u64,
}

#[micro::subscribe("orders.paid")]
async fn count(_event: Made) {}

fn main() {}
