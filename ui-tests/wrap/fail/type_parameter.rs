use micro::prelude::*;

#[micro::wrap]
async fn log<T>(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
