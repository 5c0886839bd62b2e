use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc(timeout = "0s")]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
