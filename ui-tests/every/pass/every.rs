use micro::prelude::*;

#[micro::every("30s")]
async fn sweep(_broker: Broker) -> Result<()> {
    Ok(())
}

fn main() {}
