use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
trait Cart {
    async fn get(&self, request: Hello) -> Result<Hello>;
}

fn main() {}
