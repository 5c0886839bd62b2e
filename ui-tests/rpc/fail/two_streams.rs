#![allow(unused)]

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
    async fn hello(&self, one: Streaming<Hello>, other: Streaming<Hello>) -> Result<Hello> {
        todo!()
    }
}

fn main() {}
