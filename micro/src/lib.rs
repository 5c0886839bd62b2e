//! Microservices from annotated structs and async functions.
//!
//! Attributes on plain structs and functions generate codecs, registration, routing and clients.
//! All items with attributes are collected at link time, and `micro::run!()` in `main` starts them:
//! gRPC, Connect and REST on one port, discovery on this machine and by mDNS, client-side load
//! balancing with failover, and a graceful stop.
//!
//! This page introduces a first service, [calling it](#calling-it), [errors](#errors),
//! [streams](#streams), [REST](#rest), [events](#events), [state](#state),
//! [configuration](#configuration), [tests](#tests) and [production](#production). The guide in the
//! repository's folder `docs` goes into more detail.
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
//! [`message`](macro@message) generates protobuf and JSON codecs for a struct.
//! [`service`](macro@service) turns a struct into a service, and the functions in its `impl` that
//! have the attribute [`rpc`](macro@rpc) into the service's methods. [`run!`] finds all services of
//! the program, reads the settings, listens, registers the services, and serves until SIGTERM or
//! SIGINT.
//!
//! `curl` reaches the method at the port in the log, or at the port that `MICRO_ADDRESS` sets:
//!
//! ```text
//! curl -d '{"name":"Ada"}' -H 'content-type: application/json' http://127.0.0.1:8080/greeter.Greeter/Hello
//! ```
//!
//! # Calling it
//!
//! The attribute also generates `GreeterClient`. Another program declares the methods it needs as a
//! trait, and finds the service by its name. No address is configured on either side:
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
//! Within an app, clients are injected: as a field of a service, or as a parameter of a method, a
//! hook ([`on`](macro@on)) or a test. A call has one deadline for all its attempts. It is retried
//! on another node only if that is safe. See [`client`].
//!
//! # Errors
//!
//! A method returns [`Result`]. An [`Error`] has a message and a [kind](ErrorKind), which each
//! protocol can express. An enum with [`macro@error`] is sent with all its fields, and callers
//! match on it:
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
//! The signature determines which side streams. [`Streaming`] as the last parameter is a stream of
//! requests. [`Streaming`] or `impl Stream` as the result is a stream of responses. Backpressure
//! applies: a sender waits for a slow reader. Dropping one end of a stream ends the other:
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
//! Every method accepts JSON requests at its path. `http` adds a REST path, by the rules of
//! `google.api.http`:
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
//! The server returns its OpenAPI description at `/openapi.json`. The page at `/openapi` can call
//! each method.
//!
//! # Events
//!
//! The topic of an event is part of its message's type. A [`Publisher`] publishes to the current
//! subscribers ([`broker`]). [`Events`] appends to a log that stores the events ([`events`]).
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
//! The fields of a service are injected: clients, publishers, handles, and `Arc<T>` for values that
//! the builder was given with `provide`. `#[micro(default)]` and `#[micro(value = …)]` initialize
//! plain state. `init` names an async function that creates the struct, for example with a database
//! pool:
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
//! A program runs without any settings. Settings come from defaults, then `micro.toml`, then
//! variables such as `MICRO_ADDRESS`, then the builder. Later sources override earlier ones.
//! [`settings::KEYS`] lists all settings. When the app starts, it reports all invalid settings
//! together:
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
//!     let error = app.build().await.expect_err("`half a minute` is not a duration");
//!     assert!(error.to_string().contains("drain"), "{error}");
//!     Ok(())
//! }
//! ```
//!
//! # Tests
//!
//! [`macro@test`] runs the given services in memory, in one process and without a port:
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
//! [`testing::TestApp`] does the same by hand, for tests that inject fakes and other values.
//!
//! # Production
//!
//! SIGTERM starts a graceful stop: the app leaves the registry, gives clients time to notice, and
//! finishes calls and events within the setting `drain_timeout`. `/healthz`, `/readyz` and
//! `grpc.health.v1` answer health checks. Every limit has a default and a setting. TLS and
//! authentication are not implemented yet. A program that is configured in code
//! keeps all of this:
//!
//! ```no_run
//! use micro::wrap::Log;
//!
//! struct Pool;
//!
//! fn main() {
//!     micro::run!(|app| app.provide(Pool).wrap("log", Log::default()))
//! }
//! ```
//!
//! A program with its own runtime builds the app itself. It then does by hand what `run!` does
//! beside that (a log, signals, the exit code; see [`app::Builder`]):
//!
//! ```no_run
//! use micro::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = App::builder()
//!         .name("shop", "1.0.0")
//!         .environment() // `micro.toml` and the variables.
//!         .linked() // Everything that attributes mark.
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
//! # Crates that are not linked
//!
//! If no code *names* a crate, the linker silently leaves it out, together with its services. Name
//! the crates that contain services: `micro::run!(uses = [orders, billing])`. Rustc's lint
//! `unused_crate_dependencies` finds crates that were forgotten. An app with nothing to run returns
//! an error instead of starting.
//!
//! # Where to look
//!
//! | you want to | see |
//! |---|---|
//! | define messages | [`message`], [`codec`] |
//! | serve | [`service`], [`rpc`], [`handler`] |
//! | return typed errors | [`macro@error`], [`mod@error`] |
//! | serve REST | [`rpc`], [`schema::http`] |
//! | run code around calls (middleware) | [`macro@wrap`], [`mod@wrap`] |
//! | call | [`client`], [`selector`] |
//! | find nodes | [`registry`] |
//! | store events and share them | [`events`] |
//! | publish, subscribe | [`broker`] |
//! | run, configure, stop | [`run!`], [`app`] |
//! | write `.proto` files, detect breaking changes | [`schema`] |
//! | test | [`macro@test`], [`testing`] |
//!
//! # Cargo features
//!
//! Everything that works without other software is on by default. A program that needs less sets
//! `default-features = false` and names the features it needs. Without any feature, there are
//! messages, errors, and services as contracts, and nothing opens a socket.
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `client` | yes | client side: generated clients, discovery, balancing, failover |
//! | `server` | yes | server side: gRPC, gRPC-Web and Connect on one port; implies `app` |
//! | `app` | yes | [`run!`], [`App`]: settings, injection, hooks, periodic work, graceful stop |
//! | `rest` | yes | REST paths of methods, by `google.api.http` |
//! | `openapi` | yes | the OpenAPI description at `/openapi.json`, and a page at `/openapi` |
//! | `reflection` | yes | gRPC server reflection, so that clients do not need `.proto` files |
//! | `tonic` | no | services that tonic generates: `App::builder().tonic_service(…)`; implies `tower` |
//! | `tower` | no | any `tower::Service` beside the services (`mount`, `fallback`), and the client as a transport for tonic's clients (`Client::channel`) |
//! | `schema` | yes | [`mod@schema`]: `.proto` files of linked services, and detection of breaking changes |
//! | `broker` | yes | topics: `#[micro::subscribe]`, [`Publisher`] |
//! | `events` | yes | durable streams |
//! | `host` | yes | registry for nodes on this machine |
//! | `mdns` | yes | registry for nodes in the local network, by multicast DNS |
//! | `http` | yes | peer-to-peer broker over HTTP |
//! | `file` | yes | durable streams in files |
//! | `gzip`, `zstd` | no | compression of responses; the setting `compression` selects the algorithm |
//! | `linkme` | no | collects linked items with linker sections instead of code that runs before `main` |
//! | `uuid` | no | `uuid::Uuid` as a type of message fields |

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

/// Includes the code that `micro-build` generated in build.rs: the types and services of one
/// package. Without a name, it includes all packages, each in a module of its name.
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
/// A package that uses types of other packages finds them only in the second form, where the
/// modules are next to each other.
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

#[cfg(feature = "server")]
pub use app::Health;
#[cfg(feature = "app")]
pub use app::{App, Stop, Tasks};
#[cfg(feature = "broker")]
pub use broker::{Broker, Delivery, Publisher};
#[cfg(feature = "client")]
pub use client::Client;
#[cfg(feature = "client")]
pub use connect::connect;
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
