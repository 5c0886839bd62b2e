//! Code around every call, on both sides (middleware). Prints
//!
//! ```text
//! greeter.Greeter/Hello for Ada
//! Hello Ada, says the service
//! greeter.Greeter/Hello for Ada
//! Hello Ada, says the cache
//! ```
//!
//! The order of a wrap decides how far outside it runs. Filters (`on`, `service`, `method`) select
//! the calls that it surrounds.

use std::collections::HashMap;
use std::sync::Mutex;

use micro::prelude::*;

#[micro::message]
struct HelloRequest {
    name: String,
}

#[micro::message]
#[derive(Clone)]
struct HelloReply {
    greeting: String,
}

#[micro::service]
struct Greeter {
    #[micro(default)]
    known: Mutex<HashMap<String, String>>,
}

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
        let greeting = format!("Hello {}", request.name);
        let mut known = self
            .known
            .lock()
            .map_err(|_| Error::internal("a cache broke"))?;
        known.insert(request.name, greeting.clone());
        Ok(HelloReply {
            greeting: format!("{greeting}, says the service"),
        })
    }
}

/// Wraps the calls that this program makes, and adds metadata.
#[micro::wrap(on = "client")]
async fn sign(mut call: Call, next: Next<'_>) -> Result<Response> {
    call.metadata_mut().insert("signed-by", "Ada")?;
    next.run(call).await
}

/// Outermost wrap of the served calls. It reads metadata and path.
#[micro::wrap(order = -10)]
async fn log(call: Call, next: Next<'_>) -> Result<Response> {
    let from = call.metadata().get("signed-by").unwrap_or("nobody");
    println!("{} for {from}", call.method().path.trim_start_matches('/'));
    next.run(call).await
}

/// Wraps one method of one service. It reads the request and may answer it without the service.
#[micro::wrap(service = "greeter", method = "hello")]
async fn cache(greeter: &Greeter, mut call: Call, next: Next<'_>) -> Result<Response> {
    let name = call.request::<HelloRequest>()?.name.clone();
    let known = greeter
        .known
        .lock()
        .map_err(|_| Error::internal("a cache broke"))?
        .get(&name)
        .cloned();
    match known {
        Some(greeting) => Ok(Response::new(HelloReply {
            greeting: format!("{greeting}, says the cache"),
        })),
        None => next.run(call).await,
    }
}

#[micro::on(ready)]
async fn call(greeter: GreeterClient, stop: Stop) -> Result<()> {
    for _ in 0..2 {
        let name = "Ada".to_owned();
        println!("{}", greeter.hello(HelloRequest { name }).await?.greeting);
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
