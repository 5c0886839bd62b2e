use micro::prelude::*;

#[micro::on(start, stop)]
async fn begin() -> Result<()> {
    Ok(())
}

fn main() {}
