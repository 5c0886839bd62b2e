//! An invalid start position.

use micro::prelude::*;

#[micro::message(topic = "orders.made")]
struct Made {
    id: u64,
}

#[micro::subscribe(stream = "orders", from = "begin", retry = 3)]
async fn made(event: Made) -> Result<()> {
    drop(event);
    Ok(())
}

fn main() {}
