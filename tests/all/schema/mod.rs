//! The outputs of a service that was written in Rust only: `.proto` files, JSON Schema, OpenAPI, a
//! committed file, and how other tools read them.

mod marks;
mod names;
mod needed;
mod outside;
mod round;
mod shop;

use std::net::SocketAddr;

use micro::app::Running;
use micro::prelude::*;
use micro::registry::{Memory, Registry};

/// Serves the shop on a separate port.
async fn serve() -> (Running, SocketAddr) {
    let app = App::builder()
        .registry(Registry::new(Memory::new()))
        .setting("address", "127.0.0.1:0")
        .service(shop::Shop);
    let running = app.build().await.unwrap().start().await.unwrap();
    let address = running.address().unwrap();
    (running, address)
}
