//! The second of two programs: calls the first, which it finds without settings. Prints
//!
//! ```text
//! Hello Ada (1)
//! Hello Grace (2)
//! invalid_argument: `name` is empty; whom shall I greet?
//! ```
//!
//! The two share no code: what this program needs of the greeter it says as a trait, whose
//! methods are never written. It may be started first; then it waits.

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

/// What we need of `greeter.Greeter`; the attribute makes `GreeterClient` of it.
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
