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
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }

    #[micro::rpc(name = "Hello")]
    async fn greet(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
