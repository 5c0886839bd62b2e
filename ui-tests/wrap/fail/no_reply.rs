use micro::prelude::*;

#[micro::wrap]
async fn log(call: Call, next: Next<'_>) {
    next.run(call).await.unwrap();
}

fn main() {}
