use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Plain {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Plain) -> Result<Hello> {
        Ok(Hello { name: request.name })
    }
}

fn main() {}
