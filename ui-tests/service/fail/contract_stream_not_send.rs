#![allow(unused)]

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
trait Contract {
    #[micro::rpc]
    async fn watch(&self) -> Result<impl Stream<Item = Result<Hello>>>;
}

struct Shared(Rc<Hello>);

impl Stream for Shared {
    type Item = Result<Hello>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

#[micro::service]
impl Contract for Greeter {
    async fn watch(&self) -> Result<impl Stream<Item = Result<Hello>>> {
        let name = String::new();
        Ok(Shared(Rc::new(Hello { name })))
    }
}

fn main() {}
