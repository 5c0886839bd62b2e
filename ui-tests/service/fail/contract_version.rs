use micro::prelude::*;

#[micro::service(version = "1.0.0")]
trait Cart {
    #[micro::rpc]
    async fn clear(&self) -> Result<()>;
}

fn main() {}
