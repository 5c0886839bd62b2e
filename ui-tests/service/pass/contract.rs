//! Contracts in another module, with defaults, other items and several of them on one service.

#![deny(warnings, missing_docs)]
#![allow(dead_code)]

use micro::handler::Service;
use micro::prelude::*;

/// The contracts.
pub mod api {
    use micro::{Context, Result};

    /// A name.
    #[micro::message]
    pub struct Name {
        /// The name.
        pub name: String,
    }

    /// A cart.
    #[micro::service(package = "shop.v1")]
    pub trait Cart {
        /// The maximum number of items.
        const MOST: usize = 3;

        /// Gets.
        #[micro::rpc(idempotent)]
        async fn get(&self, context: Context, request: Name) -> Result<Name>;

        /// Adds twice.
        #[micro::rpc]
        async fn add(&self, request: Name) -> Result<Name> {
            let _ = Self::MOST;
            let name = format!("{0}{0}", self.prefix(&request));
            Ok(Name { name })
        }

        /// Not a method of the service.
        fn prefix(&self, name: &Name) -> String {
            name.name.clone()
        }
    }

    /// Another one.
    #[micro::service]
    pub trait Stock: std::fmt::Debug {
        /// Counts.
        #[micro::rpc(name = "CountAll")]
        async fn count(&self) -> Result<()>;
    }
}

#[micro::service(version = "3.2.1")]
#[derive(Debug)]
struct CartStore;

#[micro::service]
impl api::Cart for CartStore {
    async fn get(&self, _: Context, request: api::Name) -> Result<api::Name> {
        Ok(request)
    }
}

#[micro::service]
impl crate::api::Stock for CartStore {
    async fn count(&self) -> Result<()> {
        Ok(())
    }
}

#[micro::service]
struct CartProxy {
    cart: api::CartClient,
}

#[micro::service]
impl api::Cart for CartProxy {
    async fn get(&self, _: Context, request: api::Name) -> Result<api::Name> {
        self.cart.get(request).await
    }
}

fn main() {
    let mut served: Vec<_> = CartStore::served();
    served.sort_by_key(|served| served.info().wire);
    let wires: Vec<_> = served.iter().map(|served| served.info().wire).collect();
    assert_eq!(wires, ["shop.v1.Cart", "stock.Stock"]);
    assert_eq!(served[0].info().version, "3.2.1");
    assert_eq!(served[0].iter().count(), 2);
    assert_eq!(CartProxy::served().len(), 1);
}
