use micro::prelude::*;

#[micro::on("start")]
async fn begin() -> Result<()> {
    Ok(())
}

fn main() {}
