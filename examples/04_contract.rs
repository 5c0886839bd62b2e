//! A contract shared by several crates: a trait. Prints
//!
//! ```text
//! 2 × tea
//! not_found: no cart `42`; known: `1`
//! ```
//!
//! In a real project the three modules are three crates: the contract, its server, and a caller
//! that depends on the contract only. The server's program then calls `micro::run!(uses =
//! [server])`.

use micro::prelude::*;

/// The contract: messages, and a trait from which `CartClient` is generated.
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
        /// Returns the contents of a cart.
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
