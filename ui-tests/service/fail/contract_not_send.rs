use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
trait Cart {
    #[micro::rpc]
    async fn get(&self, request: Hello) -> Result<Hello>;
}

#[micro::service]
struct CartStore;

#[micro::service]
impl Cart for CartStore {
    async fn get(&self, request: Hello) -> Result<Hello> {
        let shared = std::rc::Rc::new(request.name);
        std::future::ready(()).await;
        Ok(Hello { name: shared.to_string() })
    }
}

fn main() {}
