use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc(timout = "2s")]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
