//! micro's side: an echo service with attributes, on the app's default settings.

use std::io;

use micro::prelude::*;

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
pub(crate) fn serve() -> io::Result<()> {
    micro_benches::serve(App::builder())
}
