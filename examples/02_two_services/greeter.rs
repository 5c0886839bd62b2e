//! The first of two programs. It serves until it is stopped. The second program finds it without
//! settings. Run each in its own terminal:
//!
//! ```text
//! $ cargo run -q -p micro-examples --example 02_greeter
//! $ cargo run -q -p micro-examples --example 02_caller
//! ```
//!
//! It prints nothing to standard output. Its log, on standard error, contains its address. Any gRPC
//! client and any HTTP client can call it as well:
//!
//! ```text
//! curl -d '{"name":"Ada"}' -H 'content-type: application/json' ADDRESS/greeter.Greeter/Hello
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use micro::prelude::*;

#[micro::message]
struct HelloRequest {
    name: String,
}

#[micro::message]
struct HelloReply {
    greeting: String,
    /// Number of people that this node has greeted.
    count: u64,
}

/// Greets people.
#[micro::service]
struct Greeter {
    #[micro(default)]
    count: AtomicU64,
}

#[micro::service]
impl Greeter {
    /// Says hello.
    #[micro::rpc(timeout = "2s")]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
        if request.name.is_empty() {
            return Err(Error::invalid_argument(
                "`name` is empty; whom shall I greet?",
            ));
        }
        Ok(HelloReply {
            greeting: format!("Hello {}", request.name),
            count: self.count.fetch_add(1, Ordering::Relaxed) + 1,
        })
    }
}

fn main() {
    micro::run!()
}
