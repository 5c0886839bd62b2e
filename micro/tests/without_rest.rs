//! A server without the features `rest`, `openapi` and `reflection`:
//! `cargo test -p micro --no-default-features --features server --test without_rest`.

#![cfg(all(
    feature = "server",
    not(any(feature = "rest", feature = "openapi", feature = "reflection"))
))]

use std::io;

use micro::app::App;
use micro::registry::{Memory, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[micro::message]
struct Item {
    id: u64,
}

#[micro::service]
struct Shop;

#[micro::service]
impl Shop {
    #[micro::rpc(http = "GET /v1/items/{id}")]
    async fn get(&self, item: Item) -> micro::Result<Item> {
        Ok(item)
    }
}

#[micro::service]
struct WakeFlag;

#[micro::service]
impl WakeFlag {
    #[micro::rpc]
    async fn ring(&self) -> micro::Result<()> {
        Ok(())
    }
}

fn builder() -> micro::app::Builder {
    App::builder().registry(Registry::new(Memory::new()))
}

#[tokio::test]
async fn methods_with_http_rules_are_refused_naming_the_feature() {
    let error = builder().service(Shop).build().await.unwrap_err();
    let expected = "its plain HTTP rules need micro's feature `rest`";
    assert!(error.message().contains(expected), "{error}");
    assert!(error.message().contains("Shop/Get` ("), "{error}");
}

#[tokio::test]
async fn no_page_of_openapi_and_no_reflection_are_served() {
    let app = builder()
        .service(WakeFlag)
        .setting("address", "127.0.0.1:0");
    let app = app.build().await.unwrap();
    let running = app.start().await.unwrap();
    let address = running.address().unwrap();
    let answer = async |request: &str| -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: here\r\naccept: */*\r\nconnection: close\r\n\r\n")
    };
    for path in ["/openapi.json", "/openapi", "/openapi.css", "/openapi.js"] {
        let answer = answer(&get(path)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let index = answer(&get("/")).await.unwrap();
    assert!(index.starts_with("HTTP/1.1 200 "), "{index}");
    assert!(index.contains("Ring"), "{index}");
    assert!(!index.contains("openapi"), "{index}");
    assert!(!index.contains("ServerReflection"), "{index}");
    running.stop().await;
}
