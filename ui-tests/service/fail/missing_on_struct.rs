use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
