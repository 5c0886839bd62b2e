//! The app: collects linked items, checks them, runs them, and stops them gracefully.
//!
//! This is the only module that reads the environment, and only on request: [`App::builder`] uses
//! no global state, installs no signal handlers and reads no arguments. `micro::run!()` does.
//!
//! # Examples
//!
//! An app assembled by hand. `micro::run!()` does the same with everything that is linked, and adds
//! settings, logging and signal handling:
//!
//! ```
//! use micro::prelude::*;
//!
//! #[micro::service]
//! struct Bell;
//!
//! #[micro::service]
//! impl Bell {
//!     #[micro::rpc]
//!     async fn ring(&self) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = App::builder()
//!         .name("tower", "1.0.0")
//!         .setting("registry", "memory")
//!         .service(Bell)
//!         .build()
//!         .await?;
//!     let running = app.start().await?; // Listens on a free port of the loopback interface.
//!     let bell = BellClient::new(running.client().clone());
//!     bell.ring().remote().await?;
//!     running.stop().await;
//!     Ok(())
//! }
//! ```

#[cfg(feature = "server")]
mod advertise;
mod assemble;
mod builder;
mod configure;
mod driver_handoff;
#[cfg(all(feature = "broker", feature = "events"))]
mod durable_subscribers;
mod every;
#[cfg(feature = "server")]
mod example;
#[cfg(feature = "server")]
mod health;
mod hook;
mod log_writer;
mod program;
#[cfg(feature = "server")]
mod registrar;
mod report;
mod running;
mod stop;
#[cfg(feature = "broker")]
mod subscribers;
mod tasks;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::builder::Builder;
#[doc(hidden)]
pub use self::configure::Configured;
pub use self::every::LinkedEvery;
#[cfg(feature = "server")]
pub use self::health::Health;
pub use self::hook::{LinkedHook, Phase};
pub use self::program::{Program, print_help_if_asked, run, run_with};
pub use self::running::{Running, Stopped};
pub use self::stop::Stop;
pub use self::tasks::{TaskOutput, Tasks};
pub use crate::settings::{KEYS, Key, Settings};

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::every::LINKED_EVERYS;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::hook::LINKED_HOOKS;

#[cfg(feature = "broker")]
use crate::broker::Broker;
#[cfg(feature = "client")]
use crate::client::Client;
#[cfg(feature = "events")]
use crate::events::Events;
use crate::handler::{Resources, Router};
use crate::registry::Registry;
use crate::settings::options::Options;
use crate::wrap::ScopedWrap;
#[cfg(feature = "broker")]
use micro_broker::internal::BoundSubscriber;

/// The assembled program: services, wraps, hooks and handles, checked and ready to start.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> micro::Result<()> {
/// let app = micro::App::builder().setting("address", "127.0.0.1:8080").linked().build().await?;
/// app.run().await
/// # }
/// ```
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    name: &'static str,
    version: &'static str,
    options: Options,
    registry: Registry,
    #[cfg(feature = "events")]
    events: Events,
    #[cfg(feature = "broker")]
    broker: Broker,
    #[cfg(feature = "client")]
    client: Client,
    resources: Resources,
    router: Router,
    #[cfg(all(feature = "server", feature = "tower"))]
    mounts: crate::server::Mounts,
    wraps: Vec<ScopedWrap>,
    hooks: Vec<hook::Hook>,
    #[cfg(feature = "broker")]
    listeners: Vec<Arc<BoundSubscriber>>,
    works: Vec<every::Every>,
    stop: Stop,
    tasks: Tasks,
    #[cfg(feature = "server")]
    health: Arc<health::HealthScopes>,
    /// Whether to open a port and register, instead of serving only this process.
    #[cfg(feature = "server")]
    listen: bool,
    /// Random id that distinguishes this process's nodes from all others.
    #[cfg(feature = "server")]
    id: String,
}

/// The client holds the router, whose services may hold the client. Dropping the app breaks this
/// reference cycle.
#[cfg(feature = "client")]
impl Drop for Inner {
    fn drop(&mut self) {
        self.client.set_local(Router::new());
    }
}

impl App {
    /// Creates an empty builder.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the app's client.
    #[cfg(feature = "client")]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Returns the app's broker.
    #[cfg(feature = "broker")]
    pub fn broker(&self) -> &Broker {
        &self.0.broker
    }

    /// Returns the app's resources.
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// Returns the app's routes.
    pub fn router(&self) -> &Router {
        &self.0.router
    }

    /// Returns a handle to set whether the whole app is ready.
    #[cfg(feature = "server")]
    pub fn health(&self) -> Health {
        self.0.health.app()
    }

    /// Returns a handle that spawns tasks of the app.
    pub fn tasks(&self) -> Tasks {
        self.0.tasks.clone()
    }

    /// Returns a handle that stops the app.
    pub fn stop_handle(&self) -> Stop {
        self.0.stop.clone()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .field("router", &self.0.router)
            .finish_non_exhaustive()
    }
}
