use micro::prelude::*;

#[micro::on]
async fn begin() -> Result<()> {
    Ok(())
}

fn main() {}
