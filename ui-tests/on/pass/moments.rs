//! Hooks for every moment, with injected parameters, with and without a result.

#![deny(warnings)]

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

mod hooks {
    use super::GreeterClient;

    #[micro::on(ready)]
    async fn ready(client: GreeterClient, greeter: &super::Greeter) -> micro::Result<()> {
        let _ = greeter;
        let _ = client.nothing();
        Ok(())
    }

    #[micro::on(stop)]
    async fn stopped() -> () {}
}

#[micro::on(start)]
async fn begin() -> std::result::Result<(), Error> {
    Ok(())
}

fn main() {}
