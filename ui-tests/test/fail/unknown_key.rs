use micro::prelude::*;

#[micro::test(service = [Greeter])]
async fn greets() -> Result<()> {
    Ok(())
}

fn main() {}
