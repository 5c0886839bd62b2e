//! A mistake in a message causes no further error where the message is used.

use micro::prelude::*;

#[micro::message]
struct Req {
    #[micro(tag = 2)]
    id: u64,
    #[micro(tag = 2)]
    kind: Kind,
}

#[micro::message(naem = "Kind")]
#[derive(Clone)]
enum Kind {
    Ready,
    Done,
}

#[micro::message(oneof)]
enum Sort {
    #[micro(tag = 3, nmae = "one")]
    One(u32),
}

#[micro::message]
struct Held {
    #[micro(tag = 1)]
    kinds: Vec<Kind>,
    #[micro(tag = 2)]
    req: Box<Req>,
    #[micro(oneof)]
    sort: Option<Sort>,
}

#[micro::message(topic = "a.b")]
struct Heard<T> {
    #[micro(tag = 0)]
    value: T,
}

#[micro::service]
struct S {
    heard: Publisher<Heard<Req>>,
}

#[micro::service]
impl S {
    #[micro::rpc]
    async fn a(&self, req: Req) -> Result<Req> {
        Ok(req)
    }
}

fn main() {}
