#![allow(unused)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

struct Refusal;

fn refused() -> std::pin::Pin<Box<dyn Stream<Item = Result<Hello, Refusal>> + Send>> {
    todo!()
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<impl Stream<Item = Result<Hello, Refusal>>> {
        Ok(refused())
    }
}

fn main() {}
