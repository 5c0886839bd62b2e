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
    fn hello(&self, request: Hello) -> impl Stream<Item = Result<Hello>> {
        Streaming::channel(1).1
    }
}

fn main() {}
