//! Every way to write a stream: bounds, aliases, boxes, errors, with and without `Result`.

#![deny(warnings)]

use std::pin::Pin;

use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::error]
enum Refusal {
    #[micro(permission_denied, "no")]
    No,
    #[micro(other)]
    Other(Error),
}

struct Own;

impl Stream for Own {
    type Item = Result<Hello, Refusal>;

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(Refusal::No)))
    }
}

type Hellos = Streaming<Hello>;
type Answer<T> = std::result::Result<T, Refusal>;

#[micro::service]
struct Greeter {
    #[micro(default)]
    names: Vec<String>,
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn borrows(&self, request: Hello) -> Result<impl Stream<Item = Result<Hello>>> {
        Ok(stream(move |out| async move {
            for name in &self.names {
                let name = format!("{} {name}", request.name);
                out.send(Hello { name }).await?;
            }
            Ok(())
        }))
    }

    #[micro::rpc]
    async fn owns(&self) -> Result<impl Stream<Item = Result<Hello>> + Send + use<>> {
        Ok(Streaming::channel(1).1)
    }

    #[micro::rpc]
    async fn alias(&self, hellos: Hellos) -> Answer<Hellos> {
        Ok(hellos)
    }

    #[micro::rpc]
    async fn typed(&self) -> Answer<impl Stream<Item = Answer<Hello>>> {
        Ok(Own)
    }

    #[micro::rpc]
    async fn boxed(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Hello>> + Send + '_>>> {
        Ok(Box::pin(stream(async |_| Ok(assert!(self.names.is_empty())))))
    }

    #[micro::rpc]
    async fn bare(&self) -> impl Stream<Item = Result<Self_, Refusal>> {
        Own
    }

    #[micro::rpc(timeout = "1s", http = "GET /v1/hellos", max_message_size = "1MiB")]
    async fn bare_typed(&self, _context: Context) -> impl micro::prelude::Stream<Item = Answer<Hello>> {
        Own
    }
}

use Hello as Self_;

#[micro::service]
trait Contract {
    #[micro::rpc]
    async fn any(&self, request: Hello) -> Result<impl Stream<Item = Result<Hello>>>;

    #[micro::rpc]
    async fn default(&self, input: Streaming<Hello>) -> Result<impl Stream<Item = Result<Hello>>> {
        Ok(input)
    }

    #[micro::rpc]
    async fn fixed(&self, input: Streaming<Hello>) -> Answer<Streaming<Hello>>;
}

#[micro::service]
impl Contract for Greeter {
    async fn any(&self, _: Hello) -> Result<impl Stream<Item = Result<Hello>>> {
        Ok(stream(move |out| async move {
            let name = self.names.concat();
            out.send(Hello { name }).await
        }))
    }

    async fn fixed(&self, input: Streaming<Hello>) -> Answer<Streaming<Hello>> {
        Ok(input)
    }
}

/// The types that the clients return.
async fn called(greeter: GreeterClient, contract: ContractClient) -> Answer<()> {
    let name = String::new();
    let mut hellos: Streaming<Hello> = greeter.borrows(Hello { name }).timeout(secs(1)).await?;
    let _: Option<Result<Hello>> = hellos.next().await;
    let _: Answer<Streaming<Hello>> = greeter.alias(hellos).await;
    let _: Answer<Streaming<Hello>> = greeter.typed().await;
    let _: Result<Streaming<Hello>> = greeter.bare().await;
    let (out, hellos) = Streaming::channel(1);
    let _: Result<Streaming<Hello>> = contract.default(hellos).await;
    out.fail(Refusal::No.into()).await?;
    Ok(())
}

fn main() {
    let _ = called;
}
