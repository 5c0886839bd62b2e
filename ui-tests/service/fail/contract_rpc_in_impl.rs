use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
trait Cart {
    #[micro::rpc]
    async fn get(&self, request: Hello) -> Result<Hello>;
}

#[micro::service]
struct CartStore;

#[micro::service]
impl Cart for CartStore {
    #[micro::rpc(idempotent)]
    async fn get(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
