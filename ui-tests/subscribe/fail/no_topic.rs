use micro::prelude::*;

#[micro::message]
struct Made {
    order: u64,
}

#[micro::subscribe("orders.made")]
async fn count(_event: Made) -> Result<()> {
    Ok(())
}

fn main() {}
