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
    async fn hello(&self, input: Streaming<Plain>) -> Result<Hello> {
        todo!()
    }
}

fn main() {}
