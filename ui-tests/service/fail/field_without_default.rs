use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Connection(u16);

#[micro::service]
struct Greeter {
    #[micro(default)]
    connection: Connection,
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
