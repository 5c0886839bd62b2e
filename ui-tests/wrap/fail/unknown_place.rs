use micro::prelude::*;

#[micro::wrap(on = "clients")]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
