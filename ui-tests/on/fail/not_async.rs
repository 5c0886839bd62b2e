use micro::prelude::*;

#[micro::on(start)]
fn begin() -> Result<()> {
    Ok(())
}

fn main() {}
