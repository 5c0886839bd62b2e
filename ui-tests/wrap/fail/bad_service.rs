use micro::prelude::*;

#[micro::wrap(service = "Greeter")]
async fn log(call: Call, next: Next<'_>) -> Result<Reply> {
    next.run(call).await
}

fn main() {}
