use micro::prelude::*;

#[micro::wrap]
async fn log(next: Next<'_>, call: Call) -> Result<Reply> {
    next.run(call).await
}

fn main() {}
