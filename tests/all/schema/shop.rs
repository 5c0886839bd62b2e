//! A service in Rust with every kind of call, documented, in two packages.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use micro::prelude::*;

/// A thing to buy.
///
/// Its text may hold anything: */ <script>alert(1)</script> "quotes" \ and ümlauts.
#[micro::message(package = "shop.v1", reserved(2, 20))]
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Item {
    /// What it is.
    #[micro(tag = 1)]
    pub(super) sku: String,
    /// How many there are, if that is known.
    #[micro(tag = 3)]
    pub(super) count: Option<u32>,
    #[micro(tag = 4)]
    pub(super) colour: Colour,
    #[micro(tag = 5)]
    pub(super) prices: BTreeMap<String, i64>,
    #[micro(tag = 6)]
    pub(super) parts: Vec<Item>,
    #[micro(tag = 7)]
    pub(super) picture: Vec<u8>,
    #[micro(tag = 8)]
    pub(super) keeps: Duration,
    #[deprecated]
    #[micro(tag = 9)]
    pub(super) made_at: Option<SystemTime>,
    #[micro(tag = 10)]
    pub(super) weight: f64,
    #[micro(tag = 11, as = "sint32")]
    pub(super) shift: i32,
}

/// What it looks like.
#[micro::message(package = "shop.v1")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Colour {
    #[default]
    Unknown,
    /// As tomatoes are.
    Red,
    Green = 7,
}

/// How it is paid.
#[micro::message(package = "shop.money")]
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payment {
    /// The card's number.
    Card(String),
    Coins {
        count: u64,
        currency: String,
    },
    Nothing,
}

#[micro::message(package = "shop.v1")]
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Get {
    pub(super) sku: String,
    pub(super) depth: u32,
}

#[micro::message(package = "shop.v1")]
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Buy {
    pub(super) sku: String,
    pub(super) payment: Payment,
}

/// Why nothing was bought.
#[micro::error(package = "shop.v1")]
pub(super) enum BuyError {
    #[micro(not_found, "no `{sku}`")]
    Unknown { sku: String },
}

/// Sells things.
#[micro::service(package = "shop.v1")]
pub(super) struct Shop;

#[micro::service]
impl Shop {
    /// Gives the item of a name.
    ///
    /// All of it, not only what is new.
    #[micro::rpc(
        idempotent,
        http = ["GET /v1/items/{sku}", "GET /v1/{sku=shelves/*/items/*}:look"]
    )]
    async fn get(&self, get: Get) -> Result<Item> {
        let price = ("here".to_owned(), i64::MAX);
        Ok(Item {
            sku: get.sku,
            count: Some(0),
            colour: Colour::Green,
            prices: [price].into(),
            parts: vec![Item::default(); get.depth as usize],
            picture: vec![0, 255],
            keeps: Duration::from_millis(1_500),
            weight: -0.5,
            shift: -3,
            ..Item::default()
        })
    }

    /// Buys one.
    #[micro::rpc(http("POST /v1/items/{sku}", body = "payment"))]
    async fn buy(&self, buy: Buy) -> Result<Item, BuyError> {
        match buy.payment {
            Payment::Nothing => Err(BuyError::Unknown { sku: buy.sku }),
            _ => Ok(Item {
                sku: buy.sku,
                ..Item::default()
            }),
        }
    }

    /// Shows an item again and again.
    #[micro::rpc]
    async fn watch(&self, get: Get) -> Result<Streaming<Item>> {
        Ok(Streaming::make(move |out| async move {
            for count in 0..get.depth {
                let sku = get.sku.clone();
                out.send(Item {
                    sku,
                    count: Some(count),
                    ..Item::default()
                })
                .await?;
            }
            Ok(())
        }))
    }

    /// Takes items in; how many they were is the depth.
    #[micro::rpc]
    async fn stock(&self, mut items: Streaming<Item>) -> Result<Get> {
        let mut all = Get::default();
        while let Some(item) = items.next().await {
            all.sku += &item?.sku;
            all.depth += 1;
        }
        Ok(all)
    }

    /// Swaps items one for one.
    #[micro::rpc]
    async fn swap(&self, items: Streaming<Item>) -> Result<Streaming<Item>> {
        Ok(items)
    }

    #[micro::rpc]
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
