use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
async fn hello(request: Hello) -> Result<Hello> {
    Ok(request)
}

fn main() {}
