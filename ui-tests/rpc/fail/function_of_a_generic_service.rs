use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Orders<T> {
    store: T,
}

#[micro::rpc(service = Orders<String>)]
async fn hello(request: Hello) -> Result<Hello> {
    Ok(request)
}

fn main() {}
