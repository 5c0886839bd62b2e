//! micro's server as the load programs run it.

use std::io;

use micro::app::Builder;
use tokio::runtime::Runtime;

/// Serves everything linked until killed, and prints the port. The server has its own registry, so
/// that other programs do not find it. All other settings are those of `app`.
///
/// # Errors
///
/// Fails if the server does not start or stops by itself.
pub fn serve(app: Builder) -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let app = app.setting("registry", "memory").linked();
        let app = app.build().await.map_err(io::Error::other)?;
        let mut running = app.start().await.map_err(io::Error::other)?;
        let address = running.address().ok_or(io::ErrorKind::NotConnected)?;
        println!("{}", address.port());
        running.wait().await.map_err(io::Error::other)
    })
}
