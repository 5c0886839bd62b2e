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
    async fn connect(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
