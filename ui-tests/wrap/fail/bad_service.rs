use micro::prelude::*;

#[micro::wrap(service = "Greeter")]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    next.run(call).await
}

fn main() {}
