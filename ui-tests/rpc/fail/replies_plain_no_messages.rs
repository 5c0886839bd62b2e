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

fn plain() -> std::pin::Pin<Box<dyn Stream<Item = Plain> + Send>> {
    todo!()
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<impl Stream<Item = Plain>> {
        Ok(plain())
    }
}

fn main() {}
