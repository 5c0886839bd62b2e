//! Microservices from annotated structs and async functions.
//!
//! Attributes on plain structs and functions generate codecs, registration, routing and clients.
//! What is annotated is collected at link time, and `micro::run!()` in `main` starts all of it:
//! gRPC, Connect and REST on one port, discovery on this machine and by mDNS, client-side load
//! balancing with failover, and a graceful stop.
//!
//! This page walks through a first service, [calling it](#calling-it), [errors](#errors),
//! [streams](#streams), [REST](#rest), [events](#events), [state](#state),
//! [configuration](#configuration), [tests](#tests) and [production](#production). The guide in the
//! repository's folder `docs` goes further.
//!
//! # A first service
//!
//! ```no_run
//! use micro::prelude::*;
//!
//! #[micro::message]
//! struct HelloRequest {
//!     name: String,
//! }
//!
//! #[micro::message]
//! struct HelloReply {
//!     greeting: String,
//! }
//!
//! /// Greets people.
//! #[micro::service]
//! struct Greeter;
//!
//! #[micro::service]
//! impl Greeter {
//!     /// Says hello.
//!     #[micro::rpc(idempotent)]
//!     async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
//!         Ok(HelloReply { greeting: format!("Hello {}", request.name) })
//!     }
//! }
//!
//! fn main() {
//!     micro::run!()
//! }
//! ```
//!
//! [`message`](macro@message) gives a struct its codecs, protobuf and JSON.
//! [`service`](macro@service) makes a service of the struct, and its methods of the functions in
//! the `impl` that are marked [`rpc`](macro@rpc). [`run!`] finds all services of the program, reads
//! the settings, listens, registers, and serves until SIGTERM or SIGINT.
//!
//! `curl` reaches the method at the port that the log names, or that `MICRO_ADDRESS` sets:
//!
//! ```text
//! curl -d '{"name":"Ada"}' -H 'content-type: application/json' http://127.0.0.1:8080/greeter.Greeter/Hello
//! ```
//!
//! # Calling it
//!
//! The attribute has made `GreeterClient` as well. Another program states what it needs as a trait,
//! and finds the service by its name; no address is configured on either side:
//!
//! ```no_run
//! use micro::prelude::*;
//!
//! #[micro::message]
//! struct HelloRequest {
//!     name: String,
//! }
//!
//! #[micro::message]
//! struct HelloReply {
//!     greeting: String,
//! }
//!
//! #[micro::service(package = "greeter")]
//! trait Greeter {
//!     #[micro::rpc(idempotent)]
//!     async fn hello(&self, request: HelloRequest) -> Result<HelloReply>;
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let greeter = GreeterClient::connect().await?;
//!     let request = HelloRequest { name: "Ada".into() };
//!     let reply = greeter.hello(request).timeout(secs(1)).await?;
//!     println!("{}", reply.greeting);
//!     Ok(())
//! }
//! ```
//!
//! Within an app a client is injected: it is a field of a service, or a parameter of a method, a
//! hook ([`on`](macro@on)) or a test. A call has one deadline for all its attempts; it is repeated
//! on another node only where that is safe. See [`client`].
//!
//! # Errors
//!
//! A method returns [`Result`]. An [`Error`] has a [kind](ErrorKind), which each protocol can
//! express, and a message. With [`macro@error`] an enum of errors crosses the wire whole, and
//! callers match on it:
//!
//! ```
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//!
//! #[micro::message]
//! struct Order {
//!     product: String,
//!     count: u32,
//! }
//!
//! #[micro::error]
//! enum OrderError {
//!     #[micro(not_found, "no product is called `{product}`")]
//!     NoProduct { product: String },
//!     #[micro(failed_precondition, "only {left} are left")]
//!     SoldOut { left: u32 },
//!     /// Errors that are not the shop's, such as a deadline that has passed.
//!     #[micro(other)]
//!     Other(Error),
//! }
//!
//! #[micro::service]
//! struct OrderShop;
//!
//! #[micro::service]
//! impl OrderShop {
//!     #[micro::rpc]
//!     async fn order(&self, order: Order) -> Result<Order, OrderError> {
//!         if order.product != "tea" {
//!             return Err(OrderError::NoProduct { product: order.product });
//!         }
//!         Ok(order)
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder().service(OrderShop).start().await?;
//!     let shop = OrderShopClient::new(app.client());
//!     let coffee = Order { product: "coffee".into(), count: 1 };
//!     match shop.order(coffee).await {
//!         Err(OrderError::NoProduct { product }) => assert_eq!(product, "coffee"),
//!         Err(error) => return Err(error.into()),
//!         Ok(_) => unreachable!("there is no coffee"),
//!     }
//!     app.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! # Streams
//!
//! The signature says which side streams. [`Streaming`] as the last parameter is a stream of
//! requests; as the result, or `impl Stream`, a stream of responses. A slow reader stops a fast
//! writer, and dropping one end ends the other:
//!
//! ```
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//!
//! #[micro::message]
//! struct Number {
//!     value: i64,
//! }
//!
//! #[micro::service]
//! struct Counter;
//!
//! #[micro::service]
//! impl Counter {
//!     #[micro::rpc]
//!     async fn count(&self, to: Number) -> Result<Streaming<Number>> {
//!         Ok(Streaming::make(move |out| async move {
//!             for value in 1..=to.value {
//!                 out.send(Number { value }).await?;
//!             }
//!             Ok(())
//!         }))
//!     }
//!
//!     #[micro::rpc]
//!     async fn sum(&self, mut numbers: Streaming<Number>) -> Result<Number> {
//!         let mut value = 0;
//!         while let Some(number) = numbers.next().await {
//!             value += number?.value;
//!         }
//!         Ok(Number { value })
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder().service(Counter).start().await?;
//!     let counter = CounterClient::new(app.client());
//!     // A stream of responses is a stream of requests to the next method.
//!     let numbers = counter.count(Number { value: 4 }).await?;
//!     assert_eq!(counter.sum(numbers).await?.value, 10);
//!     app.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! # REST
//!
//! Every method answers JSON at its path. `http` gives it a path of its own as well, by the rules
//! of `google.api.http`:
//!
//! ```no_run
//! use micro::prelude::*;
//!
//! #[micro::message]
//! struct ItemId {
//!     id: u64,
//! }
//!
//! #[micro::message]
//! struct Item {
//!     id: u64,
//!     name: String,
//! }
//!
//! #[micro::service]
//! struct Items;
//!
//! #[micro::service]
//! impl Items {
//!     #[micro::rpc(http = "GET /v1/items/{id}")]
//!     async fn get(&self, request: ItemId) -> Result<Item> {
//!         match request.id {
//!             1 => Ok(Item { id: 1, name: "pen".into() }),
//!             id => Err(Error::not_found(format!("no item {id}"))),
//!         }
//!     }
//!
//!     /// `curl -X PUT -d pencil -H 'content-type: text/plain' …/v1/items/1/name`
//!     #[micro::rpc(http = "PUT /v1/items/{id}/name", body = "name")]
//!     async fn rename(&self, item: Item) -> Result<Item> {
//!         Ok(item)
//!     }
//! }
//!
//! fn main() {
//!     micro::run!()
//! }
//! ```
//!
//! The server describes itself at `/openapi.json`, and has a page at `/openapi` to try each method.
//!
//! # Events
//!
//! A topic is part of its message's type. A [`Publisher`] publishes to whoever subscribes
//! ([`broker`]); [`Events`] appends to a log that keeps what it was given ([`events`]).
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//!
//! #[micro::message(topic = "orders.placed")]
//! struct Placed {
//!     order: u64,
//! }
//!
//! #[micro::service]
//! struct Billing {
//!     #[micro(default)]
//!     bills: AtomicU64,
//! }
//!
//! #[micro::service]
//! impl Billing {
//!     /// All members of the queue `billing` share the events; a failed one is tried again.
//!     #[micro::subscribe(queue = "billing", retries = 5)]
//!     async fn bill(&self, _event: Placed) -> Result<()> {
//!         self.bills.fetch_add(1, Ordering::Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder().linked_service::<Billing>().start().await?;
//!     let placed = Publisher::<Placed>::new(app.broker().clone());
//!     placed.publish(Placed { order: 7 }).key("7").await?;
//!     app.events_handled().await;
//!     let billing = app.resources().get::<Billing>()?;
//!     assert_eq!(billing.bills.load(Ordering::Relaxed), 1);
//!     app.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! # State
//!
//! The fields of a service are injected: clients, publishers, handles, `Arc<T>` of what the builder
//! was given by `provide`. `#[micro(default)]` and `#[micro(value = …)]` make plain state. `init`
//! names an async function that makes the struct, which is the place for a database pool:
//!
//! ```no_run
//! use micro::prelude::*;
//! # struct Pool;
//! # impl Pool {
//! #     async fn connect(_url: &str) -> std::io::Result<Self> { Ok(Self) }
//! # }
//!
//! #[micro::service(init = connect)]
//! struct Products {
//!     pool: Pool,
//! }
//!
//! async fn connect() -> Result<Products> {
//!     let pool = Pool::connect("postgres://localhost/shop").await;
//!     let pool = pool.or_internal("cannot connect to the database")?;
//!     Ok(Products { pool })
//! }
//! # fn main() { micro::run!() }
//! ```
//!
//! # Configuration
//!
//! A program runs without settings. They come from defaults, then `micro.toml`, then variables such
//! as `MICRO_ADDRESS`, then the builder; later wins. [`settings::KEYS`] lists them, and everything
//! that is wrong is reported together when the app starts:
//!
//! ```
//! use micro::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = App::builder()
//!         .setting("strategy", "round_robin")
//!         .setting("drain_timeout", "half a minute")
//!         .in_process();
//!     let error = app.build().await.expect_err("`half a minute` is not a length of time");
//!     assert!(error.to_string().contains("drain"), "{error}");
//!     Ok(())
//! }
//! ```
//!
//! # Tests
//!
//! [`macro@test`] runs the services that it names in one process and in memory, without a port:
//!
//! ```test_harness
//! # fn main() {}
//! use micro::prelude::*;
//!
//! #[micro::message]
//! struct Question {
//!     text: String,
//! }
//!
//! #[micro::service]
//! struct Echo;
//!
//! #[micro::service]
//! impl Echo {
//!     #[micro::rpc]
//!     async fn echo(&self, question: Question) -> Result<Question> {
//!         Ok(question)
//!     }
//! }
//!
//! #[micro::test(services = [Echo])]
//! async fn it_answers_what_it_was_asked(echo: EchoClient) -> Result<()> {
//!     let answer = echo.echo(Question { text: "Who?".into() }).await?;
//!     assert_eq!(answer.text, "Who?");
//!     Ok(())
//! }
//! ```
//!
//! [`testing::TestApp`] is the same by hand, for fakes and values.
//!
//! # Production
//!
//! SIGTERM begins a stop in order: leave the registry, let clients notice, finish calls and events,
//! within the setting `drain_timeout`. `/healthz`, `/readyz` and `grpc.health.v1` answer probes.
//! Every limit has a default and a setting. There is no TLS and no authentication yet. What `run!`
//! does can be done by hand, in a program that has a runtime of its own:
//!
//! ```no_run
//! use micro::prelude::*;
//! use micro::wrap::Log;
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = App::builder()
//!         .name("shop", "1.0.0")
//!         .environment() // `micro.toml` and the variables.
//!         .linked() // Everything that attributes mark.
//!         .wrap("log", Log::default())
//!         .build()
//!         .await?;
//!     let stop = app.stop_handle();
//!     tokio::spawn(async move {
//!         if tokio::signal::ctrl_c().await.is_ok() {
//!             stop.now();
//!         }
//!     });
//!     app.run().await
//! }
//! ```
//!
//! # The one trap
//!
//! A crate that no code *names* is not linked, in silence, and its services with it. Name the
//! crates that hold services: `micro::run!(uses = [orders, billing])`, and turn on rustc's lint
//! `unused_crate_dependencies`, which finds what was forgotten. An app with nothing to run refuses
//! to start and says so.
//!
//! # Where to look
//!
//! | you want to | see |
//! |---|---|
//! | define messages | [`message`], [`codec`] |
//! | serve | [`service`], [`rpc`], [`handler`] |
//! | return errors that travel whole | [`macro@error`], [`mod@error`] |
//! | answer plain HTTP, as REST | [`rpc`], [`schema::http`] |
//! | put code around calls | [`macro@wrap`], [`mod@wrap`] |
//! | call | [`client`], [`selector`] |
//! | find nodes | [`registry`] |
//! | keep events and share them | [`events`] |
//! | publish, subscribe | [`broker`] |
//! | run, configure, stop | [`run!`], [`app`] |
//! | write `.proto` files, check what a change breaks | [`schema`] |
//! | test | [`macro@test`], [`testing`] |
//!
//! # Cargo features
//!
//! Everything that works with nothing installed is on by default. A program that needs less takes
//! `default-features = false` and names what it needs; without any feature there are messages,
//! errors, and services as contracts, and nothing that opens a socket.
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `client` | yes | calls: generated clients, discovery, balancing, failover |
//! | `server` | yes | serves: gRPC, gRPC-Web and Connect on one port; brings `app` |
//! | `app` | yes | [`run!`], [`App`]: settings, injection, hooks, periodic work, graceful stop |
//! | `rest` | yes | methods as plain HTTP, by `google.api.http` |
//! | `openapi` | yes | `/openapi.json` and a page at `/openapi` |
//! | `reflection` | yes | gRPC's reflection, so that clients need no `.proto` file |
//! | `schema` | yes | [`mod@schema`]: `.proto` files out of what is linked, and what a change breaks |
//! | `broker` | yes | topics: `#[micro::subscribe]`, [`Publisher`] |
//! | `events` | yes | durable streams |
//! | `host` | yes | the registry of this machine |
//! | `mdns` | yes | the registry of the local network, by multicast DNS |
//! | `http` | yes | the broker from peer to peer |
//! | `file` | yes | durable streams in files |
//! | `gzip`, `zstd` | no | compression of calls, once the setting `compression` names it |
//! | `linkme` | no | collects in the linker instead of by code before `main` |
//! | `uuid` | no | `uuid::Uuid` as a field of messages |

extern crate self as micro;

#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "broker")]
pub mod broker;
pub mod codec;
#[cfg(feature = "_settings")]
pub mod config;
#[cfg(feature = "client")]
mod connect;
mod engines;
#[cfg(feature = "events")]
pub mod events;
pub mod prelude;
#[cfg(feature = "_registry")]
pub mod registry;
#[cfg(feature = "_settings")]
pub mod settings;
#[cfg(feature = "app")]
pub mod testing;

#[doc(hidden)]
pub mod __private;

#[cfg(feature = "client")]
#[doc(inline)]
pub use micro_client as client;
#[cfg(feature = "client")]
#[doc(inline)]
pub use micro_client::selector;
#[doc(inline)]
pub use micro_core::{context, handler, wrap};
#[doc(inline)]
pub use micro_message::{error, metadata, types};
#[cfg(feature = "schema")]
#[doc(inline)]
pub use micro_schema as schema;
#[cfg(feature = "server")]
#[doc(inline)]
pub use micro_server as server;

/// Includes what `micro-build` made in build.rs: the types and services of one package, or
/// without a name all packages, each in a module of its name.
///
/// ```ignore
/// mod shop {
///     micro::include_proto!("shop.v1");
/// }
///
/// mod proto {
///     micro::include_proto!(); // proto::shop::v1
/// }
/// ```
///
/// A package that uses types of others finds them only beside it, in the modules of the second
/// form.
#[macro_export]
macro_rules! include_proto {
    () => {
        ::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/micro-build.rs"));
    };
    ($package:literal) => {
        ::core::include!(::core::concat!(
            ::core::env!("OUT_DIR"),
            "/",
            $package,
            ".rs"
        ));
    };
}

#[cfg(feature = "app")]
pub use app::{App, Stop};
#[cfg(feature = "broker")]
pub use broker::{Broker, Delivery, Publisher};
#[cfg(feature = "client")]
pub use client::Client;
pub use context::{Caller, Context};
pub use error::{Error, ErrorKind, OrError, Result};
#[cfg(feature = "events")]
pub use events::Events;
pub use handler::{Call, FromApp, FromCall, Response, Streaming};
pub use metadata::Metadata;
#[cfg(feature = "broker")]
pub use micro_broker::broker_scheme;
#[cfg(feature = "events")]
pub use micro_events::events_scheme;
#[cfg(feature = "broker")]
pub use micro_macros::subscribe;
pub use micro_macros::{error, message, rpc, service, wrap};
#[cfg(feature = "app")]
pub use micro_macros::{every, on, run, test};
#[cfg(feature = "_registry")]
pub use micro_registry::registry_scheme;
pub use wrap::{Next, Wrap};
