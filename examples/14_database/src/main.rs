//! Services with a database. `run!` takes a function that opens it and gives it to all services
//! with `provide`; a service with a connection of its own makes it with `init`.
//!
//! Prints:
//!
//! ```text
//! 1 tea
//! 2 cake
//! 2 products
//! ```
//!
//! The file is the variable `DATABASE`. If it cannot be opened, the program does not start, and says
//! why. The first error is that of the function given to `run!`, the second one that of `init`:
//!
//! ```text
//! $ DATABASE=/no/such/folder/shop.db cargo run -q
//! error: cannot configure `database`: cannot open the database `/no/such/folder/shop.db`: unable to open database file: /no/such/folder/shop.db: Error code 14: unable to open database file
//! $ REPORTS=/no/such/folder/shop.db cargo run -q
//! error: src/main.rs:92: cannot make `reports`: cannot open the database `/no/such/folder/shop.db`: unable to open database file: /no/such/folder/shop.db: Error code 14: unable to open database file
//! ```

mod database;

use std::sync::Arc;

use micro::prelude::*;
use micro::wrap::Log;
use rusqlite::OptionalExtension;

use crate::database::Database;

#[micro::message]
struct NewProduct {
    name: String,
}

#[micro::message]
struct ProductId {
    id: i64,
}

#[micro::message]
struct Product {
    id: i64,
    name: String,
}

#[micro::message]
struct Total {
    products: u32,
}

/// Writes products. The database is given to `run!`.
#[micro::service]
struct Products {
    database: Arc<Database>,
}

#[micro::service]
impl Products {
    /// Adds a product.
    #[micro::rpc]
    async fn add(&self, request: NewProduct) -> Result<Product> {
        let NewProduct { name } = request;
        let insert = "INSERT INTO products (name) VALUES (?1) RETURNING id";
        let stored = name.clone();
        let added = self
            .database
            .run(move |db| db.query_row(insert, [stored], |row| row.get(0)));
        Ok(Product {
            id: added.await?,
            name,
        })
    }

    /// Returns a product.
    #[micro::rpc(safe)]
    async fn get(&self, request: ProductId) -> Result<Product> {
        let id = request.id;
        let select = "SELECT name FROM products WHERE id = ?1";
        let found = self
            .database
            .run(move |db| db.query_row(select, [id], |row| row.get(0)).optional());
        let name = found
            .await?
            .ok_or_else(|| Error::not_found(format!("no product {id}")))?;
        Ok(Product { id, name })
    }
}

/// Counts products, on a connection of its own.
#[micro::service(init = connect)]
struct Reports {
    database: Database,
}

/// Runs once, before the program listens.
async fn connect() -> Result<Reports> {
    let database = Database::open(file("REPORTS")).await?;
    Ok(Reports { database })
}

#[micro::service]
impl Reports {
    /// Counts the products.
    #[micro::rpc(safe)]
    async fn total(&self) -> Result<Total> {
        let count = "SELECT count(*) FROM products";
        let products = self
            .database
            .run(|db| db.query_row(count, [], |row| row.get(0)));
        Ok(Total {
            products: products.await?,
        })
    }
}

/// The path of the database.
fn file(variable: &str) -> String {
    let path = std::env::var(variable).or_else(|_| std::env::var("DATABASE"));
    path.unwrap_or_else(|_| "shop.db".to_owned())
}

#[micro::on(ready)]
async fn shop(products: ProductsClient, reports: ReportsClient, stop: micro::Stop) -> Result<()> {
    for name in ["tea", "cake"] {
        let added = products
            .add(NewProduct {
                name: name.to_owned(),
            })
            .await?;
        let product = products.get(ProductId { id: added.id }).await?;
        println!("{} {}", product.id, product.name);
    }
    println!("{} products", reports.total().await?.products);
    stop.now();
    Ok(())
}

fn main() {
    micro::run!(async |app| {
        let database = Database::open(file("DATABASE")).await?;
        Ok(app.provide(database).wrap("log", Log::default()))
    })
}
