//! A small shop over plain HTTP, by the rules of `google.api.http`.
//!
//! Run it on a port of your choice:
//!
//! ```text
//! $ MICRO_ADDRESS=127.0.0.1:8080 cargo run -q -p micro-examples --example 09_rest
//! ```
//!
//! and in another terminal:
//!
//! ```text
//! $ curl --json '{"name":"pen","price":1.5}' http://127.0.0.1:8080/v1/items
//! {"id":1,"name":"pen","price":1.5}
//! $ curl -d 'name=red+ink&price=4&color=RED' http://127.0.0.1:8080/v1/items
//! {"id":2,"name":"red ink","price":4.0,"color":"COLOR_RED"}
//! $ curl 'http://127.0.0.1:8080/v1/items?max_price=2'
//! {"items":[{"id":1,"name":"pen","price":1.5}]}
//! $ curl 'http://127.0.0.1:8080/v1/items?color=RED'
//! {"items":[{"id":2,"name":"red ink","price":4.0,"color":"COLOR_RED"}]}
//! $ curl http://127.0.0.1:8080/v1/items/2/name
//! "red ink"
//! $ curl -X PUT -d 'blue ink' -H 'content-type: text/plain' http://127.0.0.1:8080/v1/items/2/name
//! {"id":2,"name":"blue ink","price":4.0,"color":"COLOR_RED"}
//! $ curl http://127.0.0.1:8080/v1/items:watch
//! {"result":{"id":1,"name":"pen","price":1.5}}
//! {"result":{"id":2,"name":"blue ink","price":4.0,"color":"COLOR_RED"}}
//! $ curl -X DELETE http://127.0.0.1:8080/v1/items/2
//! {}
//! ```
//!
//! Errors name the mistake and the valid alternatives:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/v1/items/2
//! {"code":"not_found","message":"no item 2"}
//! $ curl 'http://127.0.0.1:8080/v1/items?maxprice=2'
//! {"code":"invalid_argument","message":"no parameter `maxprice`; known: `color`, `max_price`"}
//! $ curl http://127.0.0.1:8080/v1/items/two
//! {"code":"invalid_argument","message":"`id` in the path: `two` is not an unsigned 32-bit number"}
//! $ curl http://127.0.0.1:8080/v1/items/
//! {"code":"unimplemented","message":"nothing at `/v1/items/`; near: `GET|POST /v1/items`"}
//! ```

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use micro::prelude::*;

#[micro::message]
#[derive(Clone)]
struct Item {
    id: u32,
    name: String,
    price: f64,
    color: Color,
}

#[micro::message]
#[derive(Clone, Copy, PartialEq)]
enum Color {
    Unknown,
    Red,
    Blue,
}

#[micro::message]
struct ListItems {
    color: Color,
    max_price: Option<f64>,
}

#[micro::message]
struct Items {
    items: Vec<Item>,
}

#[micro::message]
struct ItemId {
    id: u32,
}

#[micro::message]
struct Rename {
    id: u32,
    name: String,
}

#[micro::service]
struct Shop {
    #[micro(default)]
    items: Mutex<BTreeMap<u32, Item>>,
}

#[micro::service]
impl Shop {
    /// Fields that are not bound by the path come from the query.
    #[micro::rpc(http = "GET /v1/items")]
    async fn list(&self, wanted: ListItems) -> Result<Items> {
        let mut items: Vec<Item> = self.items()?.values().cloned().collect();
        items.retain(|item| {
            (wanted.color == Color::Unknown || wanted.color == item.color)
                && wanted.max_price.is_none_or(|price| item.price <= price)
        });
        Ok(Items { items })
    }

    /// Two paths. The second returns a single field.
    #[micro::rpc(
        http("GET /v1/items/{id}"),
        http("GET /v1/items/{id}/name", response_body = "name")
    )]
    async fn get(&self, request: ItemId) -> Result<Item> {
        let item = self.items()?.get(&request.id).cloned();
        item.ok_or_else(|| no_item(request.id))
    }

    /// The body is the whole request: JSON or a form.
    #[micro::rpc(http = "POST /v1/items")]
    async fn create(&self, mut item: Item) -> Result<Item> {
        let mut items = self.items()?;
        item.id = items.keys().next_back().map_or(1, |last| last + 1);
        items.insert(item.id, item.clone());
        Ok(item)
    }

    /// The body is one field: JSON, or plain text.
    #[micro::rpc(http = "PUT /v1/items/{id}/name", body = "name")]
    async fn rename(&self, request: Rename) -> Result<Item> {
        let mut items = self.items()?;
        let item = items
            .get_mut(&request.id)
            .ok_or_else(|| no_item(request.id))?;
        item.name = request.name;
        Ok(item.clone())
    }

    /// A stream: lines of JSON, or server-sent events for clients that accept `text/event-stream`.
    #[micro::rpc(http = "GET /v1/items:watch")]
    async fn watch(&self) -> Result<Streaming<Item>> {
        let items: Vec<Item> = self.items()?.values().cloned().collect();
        Ok(Streaming::make(|out| async move {
            for item in items {
                out.send(item).await?;
            }
            Ok(())
        }))
    }

    #[micro::rpc(http = "DELETE /v1/items/{id}")]
    async fn delete(&self, request: ItemId) -> Result<()> {
        let gone = self.items()?.remove(&request.id);
        gone.map(drop).ok_or_else(|| no_item(request.id))
    }
}

impl Shop {
    fn items(&self) -> Result<MutexGuard<'_, BTreeMap<u32, Item>>> {
        self.items
            .lock()
            .map_err(|_| Error::internal("the shop is in disorder"))
    }
}

fn no_item(id: u32) -> Error {
    Error::not_found(format!("no item {id}"))
}

fn main() {
    micro::run!()
}
