use micro::prelude::*;

#[micro::service(init = make)]
struct Greeter;

fn make() -> Result<Greeter> {
    Ok(Greeter)
}

fn main() {}
