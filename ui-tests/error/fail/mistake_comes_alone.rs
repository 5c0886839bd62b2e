//! A mistake in an error enum causes no further error at a method that returns the enum.

use micro::prelude::*;

#[micro::message]
struct Req {
    id: u64,
}

#[micro::error]
enum Fail {
    #[micro(nto_found, "none")]
    None,
}

#[micro::error]
enum Wrong {
    #[micro(not_found)]
    None,
    #[micro(other)]
    Other(Error),
}

#[micro::service]
struct S {}

#[micro::service]
impl S {
    #[micro::rpc]
    async fn a(&self, req: Req) -> Result<Req, Fail> {
        self.b(req).await.map_err(Error::from).map_err(|_| Fail::None)
    }

    #[micro::rpc]
    async fn b(&self, req: Req) -> Result<Req, Wrong> {
        Err(Error::internal("no"))?;
        Ok(req)
    }
}

fn main() {}
