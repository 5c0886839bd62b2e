use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: impl Send) -> Result<Hello> {
        drop(request);
        Err(Error::internal("no"))
    }
}

fn main() {}
