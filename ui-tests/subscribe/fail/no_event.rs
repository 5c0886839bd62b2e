use micro::prelude::*;

#[micro::subscribe("orders.made")]
async fn count() -> Result<()> {
    Ok(())
}

fn main() {}
