use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc(idempotnt, timeout = "soon")]
    fn hello(&mut self, request: Hello) {
        drop(request);
    }

    #[micro::rpc]
    async fn greet<T>(self, request: T) -> Result<Hello> {
        drop(request);
        Err(Error::internal("no"))
    }
}

fn main() {}
