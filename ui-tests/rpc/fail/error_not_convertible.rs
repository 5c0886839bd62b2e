use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Refusal;

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello, Refusal> {
        Ok(request)
    }
}

fn main() {}
