use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
trait Cart {
    #[micro::rpc]
    async fn get(&self, Hello { name }: Hello) -> Result<Hello>;
}

fn main() {}
