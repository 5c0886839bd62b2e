use micro::prelude::*;

#[micro::on(start)]
async fn begin(_count: u64) -> Result<()> {
    Ok(())
}

fn main() {}
