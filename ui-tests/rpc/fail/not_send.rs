use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

use std::rc::Rc;

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        let shared = Rc::new(request.name);
        std::future::ready(()).await;
        Ok(Hello { name: shared.to_string() })
    }
}

fn main() {}
