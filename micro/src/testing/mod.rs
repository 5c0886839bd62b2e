//! Testing: a complete app in memory, in one process, without ports, files and shared registries.
//!
//! # Examples
//!
//! The service under test calls a contract. The test serves the contract itself:
//!
//! ```
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//!
//! #[micro::message]
//! struct Amount {
//!     cents: u64,
//! }
//!
//! #[micro::service(package = "bank.v1")]
//! trait Bank {
//!     #[micro::rpc]
//!     async fn charge(&self, request: Amount) -> Result<Amount>;
//! }
//!
//! #[micro::service]
//! struct Till {
//!     bank: BankClient,
//! }
//!
//! #[micro::service]
//! impl Till {
//!     #[micro::rpc]
//!     async fn pay(&self, request: Amount) -> Result<Amount> {
//!         self.bank.charge(request).await
//!     }
//! }
//!
//! #[micro::service]
//! struct ClosedBank;
//!
//! #[micro::service]
//! impl Bank for ClosedBank {
//!     async fn charge(&self, _request: Amount) -> Result<Amount> {
//!         Err(Error::unavailable("the bank is closed"))
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder()
//!         .service(ClosedBank)
//!         .linked_service::<Till>()
//!         .start()
//!         .await?;
//!     let error = TillClient::new(app.client()).pay(Amount { cents: 100 }).await;
//!     assert_eq!(error.err().expect("an error").kind(), ErrorKind::Unavailable);
//!     app.stop().await;
//!     Ok(())
//! }
//! ```

#[cfg(feature = "schema")]
mod schema;

use std::future::Future;
#[cfg(feature = "broker")]
use std::time::Duration;

use crate::app::{App, Builder, Running};
#[cfg(feature = "broker")]
use crate::broker::{self, Broker, Subscriber};
#[cfg(feature = "client")]
use crate::client::Client;
use crate::error::{Error, Result};
#[cfg(feature = "events")]
use crate::events::{self, Events};
use crate::handler::{Resources, Service};
use crate::registry::{Memory, Registry};
use crate::wrap::Wrap;

#[cfg(feature = "schema")]
pub use self::schema::{assert_compatible, assert_schema};

/// Timeout for handling events. Only a failing test waits this long.
#[cfg(feature = "broker")]
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);

/// An in-memory app for a test. It starts empty: add everything that it should run.
///
/// # Examples
///
/// ```
/// use micro::testing::TestApp;
///
/// #[micro::service]
/// struct Bell;
///
/// #[micro::service]
/// impl Bell {
///     #[micro::rpc]
///     async fn ring(&self) -> micro::Result<()> {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// let app = TestApp::builder().service(Bell).start().await?;
/// BellClient::new(app.client()).ring().await?;
/// # app.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TestApp {
    app: App,
    running: Running,
}

impl TestApp {
    /// Creates a builder of an empty app.
    pub fn builder() -> TestBuilder {
        let builder = App::builder()
            .name("test", "0.0.0")
            .registry(Registry::new(Memory::new()))
            .in_process();
        #[cfg(feature = "events")]
        let builder = builder.events(Events::new(events::Memory::new()));
        #[cfg(feature = "broker")]
        let builder = builder.broker(Broker::new(broker::Memory::new()));
        TestBuilder(builder)
    }

    /// Returns the app's client. It calls the app's services directly.
    #[cfg(feature = "client")]
    pub fn client(&self) -> Client {
        self.app.client().clone()
    }

    /// Returns the app's resources.
    pub fn resources(&self) -> &Resources {
        self.app.resources()
    }

    /// Returns the app's broker.
    #[cfg(feature = "broker")]
    pub fn broker(&self) -> &Broker {
        self.app.broker()
    }

    /// Waits until all published events are handled, including those that handlers publish in the
    /// meantime.
    ///
    /// # Panics
    ///
    /// If some are not handled within 30 seconds, so that the test fails.
    #[cfg(feature = "broker")]
    pub async fn events_handled(&self) {
        let pending = self.broker().flush(EVENT_TIMEOUT).await;
        assert_eq!(
            pending, 0,
            "events are not handled within {EVENT_TIMEOUT:?}"
        );
    }

    /// Stops the app gracefully.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// Configures a [`TestApp`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct TestBuilder(Builder);

impl TestBuilder {
    /// Adds a service.
    pub fn service<S: Service>(self, service: S) -> Self {
        Self(self.0.service(service))
    }

    /// Adds a linked service, which has the attribute `#[micro::service]`. Its fields are injected.
    ///
    /// # Panics
    ///
    /// If the service was not collected at link time. This is the case only for generic services.
    pub fn linked_service<S: Service>(self) -> Self {
        Self(self.0.linked_service::<S>())
    }

    /// Adds a subscriber.
    #[cfg(feature = "broker")]
    pub fn subscriber(self, subscriber: Subscriber) -> Self {
        Self(self.0.subscriber(subscriber))
    }

    /// Adds the subscribers that `#[micro::subscribe]` created from free functions of this name.
    ///
    /// # Panics
    ///
    /// If no subscriber of this name was collected at link time.
    #[cfg(feature = "broker")]
    pub fn linked_subscriber(self, name: &str) -> Self {
        Self(self.0.linked_subscriber(name))
    }

    /// Adds everything that was collected at link time: services, subscribers, wraps, hooks and
    /// periodic work.
    pub fn linked(self) -> Self {
        Self(self.0.linked())
    }

    /// Adds a wrap around all served calls and events.
    pub fn wrap(self, name: &'static str, wrap: impl Wrap) -> Self {
        Self(self.0.wrap(name, wrap))
    }

    /// Adds a value that can be injected.
    pub fn provide<T: Send + Sync + 'static>(self, value: T) -> Self {
        Self(self.0.provide(value))
    }

    /// Changes the app's builder, for options that this builder does not have.
    pub fn with(self, change: impl FnOnce(Builder) -> Builder) -> Self {
        Self(change(self.0))
    }

    /// Checks, assembles and starts the app.
    ///
    /// # Errors
    ///
    /// The errors of [`Builder::build`] and [`App::start`].
    pub async fn start(self) -> Result<TestApp> {
        let app = self.0.build().await?;
        let running = app.start().await?;
        Ok(TestApp { app, running })
    }
}

/// Configures the app of a test with a function: `#[micro::test(app = …)]` expands to a call of
/// this function, which gives a closure the type of its parameter.
#[doc(hidden)]
pub fn configured_test(
    builder: TestBuilder,
    configure: impl FnOnce(TestBuilder) -> TestBuilder,
) -> TestBuilder {
    configure(builder)
}

/// Runs a test function within an app. `#[micro::test]` expands to a call of this function.
///
/// # Panics
///
/// If the app does not start or the function returns an error, so that the test fails.
pub fn test<Body, Testing>(setup: impl FnOnce(TestBuilder) -> TestBuilder, body: Body)
where
    Body: FnOnce(Resources) -> Testing,
    Testing: Future<Output = Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a test needs a runtime");
    let outcome: Result<(), Error> = runtime.block_on(async {
        let app = setup(TestApp::builder()).start().await?;
        let outcome = body(app.resources().clone()).await;
        app.stop().await;
        outcome
    });
    if let Err(error) = outcome {
        panic!("{error:?}");
    }
}
