//! A mistake in a method causes no further error at its callers.

#![allow(unused)]

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello<T: Send>(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }

    #[micro::rpc]
    async fn leave(&self, ctx: Context) {}

    #[micro::rpc]
    async fn all(&self, request: Hello) -> Result<impl Iterator<Item = Hello>> {
        Ok([request].into_iter())
    }
}

#[micro::rpc(service = Greeter, timout = "1s")]
async fn goodbye(request: Hello) -> Result<Hello> {
    Ok(request)
}

#[micro::rpc(service = Greeter)]
async fn part(request: Hello) {}

#[micro::service]
trait Cart {
    #[micro::rpc]
    async fn put(&self, request: Hello);
}

async fn calls(greeter: GreeterClient, cart: CartClient) -> Result<Hello> {
    let name = String::new;
    greeter.leave().await?;
    greeter.all(Hello { name: name() }).await?;
    greeter.part(Hello { name: name() }).await?;
    cart.put(Hello { name: name() }).await?;
    let reply = greeter.goodbye(Hello { name: name() }).await?;
    let reply = greeter.hello::<u8>(reply).await?;
    Ok(reply)
}

fn main() {}
