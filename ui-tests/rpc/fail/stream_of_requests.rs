use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Streaming<T>(T);

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, input: Streaming<Hello>) -> Result<Hello> {
        drop(input);
        Err(Error::internal("no"))
    }
}

fn main() {}
