use micro::prelude::*;

#[micro::on(start)]
async fn begin(_context: Context) -> Result<()> {
    Ok(())
}

fn main() {}
