//! A client for programs that run no app: `GreeterClient::connect()`.

use std::future::{Future, ready};

use crate::client::Client;
use crate::error::Result;
use crate::settings::Settings;
use crate::settings::options::Options;
use crate::settings::problems::Problems;

/// A client with the settings of file and environment, for programs that run no app.
///
/// Each call makes a client of its own, with its own connections and registry; clone it instead.
///
/// # Errors
///
/// `FailedPrecondition` for bad settings, all of them listed.
///
/// # Cancel safety
///
/// Cancel safe: it waits for nobody yet.
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
