//! micro's side: an echo service with attributes, on the app's default settings.

use std::env;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use micro::prelude::*;

use crate::options::AccessLog;

/// The request and the response.
#[micro::message(name = "Payload", package = "echo")]
struct Payload {
    data: Vec<u8>,
}

#[micro::service]
struct Echo {}

#[micro::service]
impl Echo {
    /// Returns the request.
    #[micro::rpc]
    async fn echo(&self, payload: Payload) -> Result<Payload> {
        Ok(payload)
    }
}

/// Serves until killed. Prints the port.
pub(crate) fn serve(access_log: Option<AccessLog>) -> io::Result<()> {
    let name = match access_log {
        None => return micro_benches::serve(App::builder()),
        Some(AccessLog::Off) => "off",
        Some(AccessLog::Errors) => "errors",
        Some(AccessLog::All) => "all",
        Some(AccessLog::Written) => {
            PRINTS_PORT.store(true, Ordering::Relaxed);
            micro::run!();
            return Ok(());
        }
    };
    micro_benches::serve(App::builder().setting("access_log", name))
}

/// Whether the hook prints the port, because `run!` starts the server.
static PRINTS_PORT: AtomicBool = AtomicBool::new(false);

#[micro::on(ready)]
async fn print_port() {
    let address = env::var(ADDRESS).unwrap_or_default();
    if let (true, Some((_, port))) = (
        PRINTS_PORT.load(Ordering::Relaxed),
        address.rsplit_once(':'),
    ) {
        println!("{port}");
    }
}

/// The variable with the address of a server that `run!` starts.
const ADDRESS: &str = "MICRO_ADDRESS";

/// Returns the environment of a server that `run!` starts. Its port is free when this returns.
pub(crate) fn environment() -> io::Result<Vec<(&'static str, String)>> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(vec![
        (ADDRESS, address.to_string()),
        ("MICRO_REGISTRY", "memory".to_owned()),
        ("MICRO_EVENTS", "memory".to_owned()),
        ("MICRO_ACCESS_LOG", "all".to_owned()),
    ])
}
