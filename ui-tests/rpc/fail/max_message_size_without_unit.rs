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
    #[micro::rpc(max_message_size = "16MB")]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        todo!()
    }
}

fn main() {}
