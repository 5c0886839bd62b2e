use micro::prelude::*;

#[micro::wrap(order = "first")]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
