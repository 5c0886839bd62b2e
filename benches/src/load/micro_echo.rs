//! Ours: an echo service through the attributes, on the app's default settings.

use std::io;

use micro::prelude::*;

/// The request and the answer.
#[micro::message(name = "Payload", package = "echo")]
struct Payload {
    data: Vec<u8>,
}

#[micro::service]
struct Echo {}

#[micro::service]
impl Echo {
    /// Answers with the request.
    #[micro::rpc]
    async fn echo(&self, payload: Payload) -> Result<Payload> {
        Ok(payload)
    }
}

/// Serves until killed; prints the port.
pub(crate) fn serve() -> io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        // Only the registry is not the default: nobody is to find a server under load.
        let app = App::builder().setting("registry", "memory").linked();
        let app = app.build().await.map_err(io::Error::other)?;
        let mut running = app.start().await.map_err(io::Error::other)?;
        let address = running.address().ok_or(io::ErrorKind::NotConnected)?;
        println!("{}", address.port());
        running.wait().await.map_err(io::Error::other)
    })
}
