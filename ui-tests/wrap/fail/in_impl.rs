use micro::prelude::*;

struct Greeter;

impl Greeter {
    #[micro::wrap]
    async fn log(&self, call: Call, next: Next<'_>) -> Result<Response> {
        next.run(call).await
    }
}

fn main() {}
