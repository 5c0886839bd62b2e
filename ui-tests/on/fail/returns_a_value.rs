use micro::prelude::*;

#[micro::on(start)]
async fn begin() -> Result<u64> {
    Ok(3)
}

fn main() {}
