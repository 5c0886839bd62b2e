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

struct CartStore;

#[micro::service]
impl Cart for CartStore {
    async fn get(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {}
