use micro::prelude::*;

#[micro::service(init = make)]
struct Greeter;

async fn make() -> Result<String> {
    Ok(String::new())
}

fn main() {}
