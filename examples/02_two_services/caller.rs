//! The second of two programs. It finds the first without settings, and calls it. Prints
//!
//! ```text
//! Hello Ada (1)
//! Hello Grace (2)
//! invalid_argument: `name` is empty; whom shall I greet?
//! ```
//!
//! The two programs share no code: this one declares the methods that it needs as a trait, without
//! implementing them. It may be started first; it then waits for the greeter.

use micro::prelude::*;

#[micro::message]
struct HelloRequest {
    name: String,
}

#[micro::message]
struct HelloReply {
    greeting: String,
    count: u64,
}

/// The methods of `greeter.Greeter` that this program needs. The attribute generates
/// `GreeterClient`.
#[micro::service(package = "greeter")]
trait Greeter {
    #[micro::rpc]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply>;
}

#[micro::on(ready)]
async fn call(greeter: GreeterClient, stop: Stop) -> Result<()> {
    for name in ["Ada", "Grace", ""] {
        let name = name.to_owned();
        match greeter.hello(HelloRequest { name }).await {
            Ok(reply) => println!("{} ({})", reply.greeting, reply.count),
            Err(error) => println!("{}: {error}", error.kind()),
        }
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
