//! A client for programs that do not run an app: `GreeterClient::connect()`.

use std::future::{Future, ready};

use crate::client::Client;
use crate::error::Result;
use crate::settings::Settings;
use crate::settings::options::Options;
use crate::settings::problems::Problems;

/// Creates a client for programs that do not run an app, with the settings of `micro.toml` and the
/// environment.
///
/// Each call creates a new client with its own connections and registry. Clone the client instead
/// of calling this again.
///
/// Generated clients have a shortcut: `GreeterClient::connect()`. This one serves clients of other
/// kinds, such as calls whose types are not known, and transports for clients that tonic generates.
///
/// # Errors
///
/// `FailedPrecondition` if settings are invalid. The message lists all of them.
///
/// # Cancel safety
///
/// Cancel safe: it does not connect to anything yet.
pub fn connect() -> impl Future<Output = Result<Client>> + Send {
    ready(connected())
}

fn connected() -> Result<Client> {
    let mut problems = Problems::default();
    let options = Options::read(&Settings::load()?, &mut problems);
    let registry = problems.take(options.open_registry(&[]));
    problems.finish("cannot connect")?;
    let registry = registry.expect("without a registry there was a problem");
    Ok(Client::builder()
        .registry(registry)
        .config(options.client)
        .build())
}
