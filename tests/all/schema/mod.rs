//! What becomes of a service that was written in Rust alone: `.proto` files, JSON Schema,
//! OpenAPI, a committed file; and what others make of them.

mod marks;
mod needed;
mod outside;
mod round;
mod shop;

use std::net::SocketAddr;

use micro::app::Running;
use micro::prelude::*;
use micro::registry::{Memory, Registry};

/// The shop on a port of its own.
async fn serve() -> (Running, SocketAddr) {
    let app = App::builder()
        .registry(Registry::new(Memory::new()))
        .setting("address", "127.0.0.1:0")
        .service(shop::Shop);
    let running = app.build().await.unwrap().start().await.unwrap();
    let address = running.address().unwrap();
    (running, address)
}
