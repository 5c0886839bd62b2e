use micro::prelude::*;

#[micro::wrap]
async fn log(_call: Call) -> Result<Response> {
    Ok(Response::new(()))
}

fn main() {}
