use micro::prelude::*;

#[micro::test]
#[test]
async fn greets() -> Result<()> {
    Ok(())
}

fn main() {}
