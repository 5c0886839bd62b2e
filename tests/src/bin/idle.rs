//! A client that calls a greeter once, prints `called`, and then does nothing.

use micro::prelude::*;
use micro_tests::{Ask, GreeterClient};

#[micro::on(ready)]
async fn ready(greeter: GreeterClient) -> Result<()> {
    let answer = greeter.hello(Ask::default()).await?;
    println!("called {}", answer.process);
    std::future::pending().await
}

fn main() {
    micro::run!();
}
