#![allow(unused)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::message]
struct Other {
    name: String,
}

async fn call(client: GreeterClient, others: Streaming<Other>) -> Result<Hello> {
    client.sum(others).await
}

async fn call_once(client: GreeterClient, hello: Hello) -> Result<Hello> {
    client.sum(hello).await
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn sum(&self, input: Streaming<Hello>) -> Result<Hello> {
        todo!()
    }
}

fn main() {}
