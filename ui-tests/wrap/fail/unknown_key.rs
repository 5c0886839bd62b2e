use micro::prelude::*;

#[micro::wrap(oder = 10)]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
