use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
trait Cart<T> {
    #[micro::rpc]
    async fn get(&self, request: Hello) -> Result<Hello>;
}

fn main() {}
