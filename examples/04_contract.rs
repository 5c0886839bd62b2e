//! A contract that several crates know: a trait. Prints
//!
//! ```text
//! 2 × tea
//! not_found: no cart `42`; known: `1`
//! ```
//!
//! In earnest the three modules are three crates: the contract, its server, and a caller that
//! depends on the contract alone. The server's program then says `micro::run!(uses = [server])`.

use micro::prelude::*;

/// What both sides know: messages, and a trait that makes `CartClient`.
mod contract {
    use micro::prelude::*;

    #[micro::message(package = "shop.v1")]
    pub struct GetCart {
        pub id: u64,
    }

    #[micro::message(package = "shop.v1")]
    pub struct Items {
        pub items: Vec<Item>,
    }

    #[micro::message(package = "shop.v1")]
    pub struct Item {
        pub name: String,
        pub count: u32,
    }

    /// Carts of a shop.
    #[micro::service(package = "shop.v1")]
    pub trait Cart {
        /// What is in a cart.
        #[micro::rpc(idempotent)]
        async fn get(&self, request: GetCart) -> Result<Items>;
    }
}

mod server {
    use super::contract::{self, GetCart, Item, Items};
    use micro::prelude::*;

    #[micro::service]
    struct CartStore;

    #[micro::service]
    impl contract::Cart for CartStore {
        async fn get(&self, request: GetCart) -> Result<Items> {
            let id = request.id;
            if id != 1 {
                return Err(Error::not_found(format!("no cart `{id}`; known: `1`")));
            }
            let tea = Item {
                name: "tea".into(),
                count: 2,
            };
            Ok(Items { items: vec![tea] })
        }
    }
}

#[micro::on(ready)]
async fn call(cart: contract::CartClient, stop: Stop) -> Result<()> {
    for id in [1, 42] {
        match cart.get(contract::GetCart { id }).remote().await {
            Ok(found) => {
                for item in found.items {
                    println!("{} × {}", item.count, item.name);
                }
            }
            Err(error) => println!("{}: {error}", error.kind()),
        }
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
