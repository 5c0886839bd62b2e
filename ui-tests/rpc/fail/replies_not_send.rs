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

struct Shared(Rc<Hello>);

impl Stream for Shared {
    type Item = Result<Hello>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<impl Stream<Item = Result<Hello>>> {
        Ok(Shared(Rc::new(request)))
    }
}

fn main() {}
