use micro::prelude::*;

#[micro::wrap]
async fn log(next: Next<'_>, call: Call) -> Result<Response> {
    next.run(call).await
}

fn main() {}
