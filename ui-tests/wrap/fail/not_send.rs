use micro::prelude::*;

#[micro::wrap]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    let shared = std::rc::Rc::new(1);
    let reply = next.run(call).await;
    drop(shared);
    reply
}

fn main() {}
