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
    fn hello(&self, request: Hello) -> impl Future<Output = Result<Hello>> {
        async move { Ok(request) }
    }
}

fn main() {}
