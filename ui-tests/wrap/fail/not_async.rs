use micro::prelude::*;

#[micro::wrap]
fn log(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
