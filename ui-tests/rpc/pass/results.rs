//! The reply is the value in the `Result`, also in an alias of `Result`.

#![deny(warnings)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

struct Refusal;

impl micro::handler::MethodError for Refusal {
    type Caller = Error;

    fn into_wire_error(self) -> Error {
        Error::permission_denied("no")
    }
}

type Answer<E> = std::result::Result<Hello, E>;
type Fixed = Result<Hello>;

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn own_error(&self, _: Hello) -> std::result::Result<Hello, Refusal> {
        Err(Refusal)
    }

    #[micro::rpc]
    async fn alias(&self, request: Hello) -> Answer<Refusal> {
        Ok(request)
    }

    #[micro::rpc]
    async fn fixed(&self, request: Hello) -> Fixed {
        Ok(request)
    }

    #[micro::rpc]
    async fn nothing(&self, _: Caller) -> Result<()> {
        Ok(())
    }

    #[micro::rpc]
    async fn other(&self, me: &Self, client: GreeterClient, request: Hello) -> Result<Hello> {
        let _ = me;
        client.fixed(request).await
    }
}

fn main() {}
