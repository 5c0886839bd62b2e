use micro::prelude::*;

struct Plain;

#[micro::service]
trait Cart {
    #[micro::rpc]
    async fn get(&self, request: Plain) -> Result<()>;
}

fn main() {}
