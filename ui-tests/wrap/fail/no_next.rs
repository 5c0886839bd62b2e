use micro::prelude::*;

#[micro::wrap]
async fn log(_call: Call) -> Result<Reply> {
    Ok(Reply::new(()))
}

fn main() {}
