#![allow(unused)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

struct Plain {
    name: String,
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Streaming<Plain>> {
        todo!()
    }
}

fn main() {}
