use micro::prelude::*;

#[micro::test]
fn greets() -> Result<()> {
    Ok(())
}

fn main() {}
