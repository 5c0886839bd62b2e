//! Wraps with filters and injected parameters.

#![deny(warnings)]

use micro::handler::Resources;
use micro::prelude::*;

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn nothing(&self) -> Result<()> {
        Ok(())
    }
}

const FIRST: i32 = -10;

#[micro::wrap]
async fn plain(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

#[micro::wrap(order = FIRST + 1, on = "client", service = "greeter", method = "nothing")]
async fn full(
    greeter: &Greeter,
    client: GreeterClient,
    app: Resources,
    mut call: Call,
    next: Next<'_>,
) -> std::result::Result<Response, Error> {
    let _ = (greeter, client, app);
    call.metadata_mut().insert("x-full", "1")?;
    next.run(call).await
}

fn main() {}
