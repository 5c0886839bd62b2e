//! Generic services implement `Service` and are not collected; other generics have no effect.

#![deny(warnings)]

use micro::handler::Service;
use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

trait Store: Send + Sync + 'static {
    fn get(&self) -> String;
}

struct Memory<const N: usize>;

impl<const N: usize> Store for Memory<N> {
    fn get(&self) -> String {
        N.to_string()
    }
}

#[micro::service(name = "orders")]
struct Orders<S> {
    store: S,
}

#[micro::service]
impl<S: Store> Orders<S> {
    #[micro::rpc]
    async fn get(&self, _: Hello) -> Result<Hello> {
        Ok(Hello { name: self.store.get() })
    }
}

#[micro::service]
struct Sized_<const N: usize>;

#[micro::service]
impl Sized_<3> {
    #[micro::rpc]
    async fn get(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

fn main() {
    let served = Orders::<Memory<2>>::served();
    assert_eq!(served[0].info().name, "orders");
    assert_eq!(served[0].iter().count(), 1);
    assert_eq!(Sized_::<3>::served().len(), 1);
    let _ = OrdersClient::get;
    let orders = Orders { store: Memory::<2> };
    drop(micro::App::builder().service(orders));
}
