use micro::prelude::*;

#[micro::wrap]
async fn log(_count: u64, call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
