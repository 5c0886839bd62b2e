use micro::prelude::*;

#[micro::service(nmae = "x", package = "a b")]
struct Greeter {
    #[micro(defualt)]
    count: u64,
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn count(&self) -> Result<()> {
        Ok(())
    }

    #[micro::rpc(idempotent = 3)]
    async fn hello(&self) -> Result<()> {
        Ok(())
    }
}

#[micro::rpc(service = Greeter)]
async fn other(greeter: &Greeter, client: GreeterClient, _: Context) -> Result<()> {
    greeter.hello().await?;
    client.hello().await
}

fn main() {}
