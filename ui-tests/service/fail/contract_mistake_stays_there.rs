use micro::prelude::*;

#[micro::service(pakage = "shop.v1")]
trait Cart {
    #[micro::rpc]
    async fn clear(&self) -> Result<()>;
}

#[micro::service]
struct CartStore;

#[micro::service]
impl Cart for CartStore {
    async fn clear(&self) -> Result<()> {
        Ok(())
    }
}

async fn call(cart: CartClient) -> Result<()> {
    cart.clear().await
}

fn main() {
    let _ = call;
}
