use micro::prelude::*;

#[micro::test(services = Greeter)]
async fn greets() -> Result<()> {
    Ok(())
}

fn main() {}
