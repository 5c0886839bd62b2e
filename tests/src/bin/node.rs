//! A node of the tests: a greeter that returns its process id, built with attributes.

use micro::prelude::*;
use micro_tests::{Answer, Ask, Greeter, answer};

#[micro::service]
struct Node;

#[micro::service]
impl Greeter for Node {
    async fn hello(&self, ask: Ask) -> Result<Answer> {
        Ok(answer(ask).await)
    }

    async fn once(&self, ask: Ask) -> Result<Answer> {
        Ok(answer(ask).await)
    }
}

fn main() {
    micro::run!();
}
