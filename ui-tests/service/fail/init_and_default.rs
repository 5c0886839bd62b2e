use micro::prelude::*;

#[micro::service(init = make)]
struct Greeter {
    #[micro(default)]
    count: u64,
}

async fn make() -> Result<Greeter> {
    Ok(Greeter { count: 1 })
}

fn main() {}
