//! A service and a call to it over a socket, in one program. Prints `Hello Ada`.
#![cfg_attr(rustfmt, rustfmt_skip)] // As short as possible.
use micro::prelude::*;

#[micro::message]
struct HelloRequest { name: String }

#[micro::message]
struct HelloReply { greeting: String }

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
        Ok(HelloReply { greeting: format!("Hello {}", request.name) })
    }
}

#[micro::on(ready)]
async fn call(greeter: GreeterClient, stop: Stop) -> Result<()> {
    let request = HelloRequest { name: "Ada".into() };
    println!("{}", greeter.hello(request).remote().await?.greeting);
    stop.now();
    Ok(())
}

fn main() { micro::run!() }
