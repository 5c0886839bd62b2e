//! Several values instead of one message.

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
    async fn hello(&self, name: String, id: u64) -> Result<Hello> {
        Ok(Hello { name: format!("{name} {id}") })
    }
}

fn main() {}
