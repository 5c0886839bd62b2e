#![allow(unused)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

struct Plain;

fn plain() -> std::pin::Pin<Box<dyn Stream<Item = Result<Plain>> + Send>> {
    unimplemented!()
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<impl Stream<Item = Result<Plain>>> {
        let _ = request;
        Ok(plain())
    }
}

fn main() {}
