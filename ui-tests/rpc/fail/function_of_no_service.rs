use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Greeter;

#[micro::rpc(service = Greeter)]
async fn hello(request: Hello) -> Result<Hello> {
    Ok(request)
}

fn main() {}
