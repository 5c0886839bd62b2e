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
    #[micro::rpc(http = "/v1/hello")]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        todo!()
    }
}

fn main() {}
