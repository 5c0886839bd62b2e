use micro::prelude::*;

#[micro::test(linked, services = [Greeter])]
async fn greets() -> Result<()> {
    Ok(())
}

fn main() {}
