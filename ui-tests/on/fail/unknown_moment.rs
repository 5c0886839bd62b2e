use micro::prelude::*;

#[micro::on(started)]
async fn begin() -> Result<()> {
    Ok(())
}

fn main() {}
