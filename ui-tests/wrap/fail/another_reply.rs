use micro::prelude::*;

#[micro::wrap]
async fn log(call: Call, next: Next<'_>) -> Result<()> {
    next.run(call).await.map(drop)
}

fn main() {}
