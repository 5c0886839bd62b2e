//! A running server and its graceful shutdown: calls may finish until the grace period ends, then
//! the server aborts and reports those that are left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::state::{AbortedCall, ServerState};

/// Time for aborted calls to send their error to the client.
const CANCEL_GRACE: Duration = Duration::from_millis(250);

/// A server that accepts calls.
///
/// Dropping it stops the server at once and aborts every call. [`drain`](Self::drain) stops it
/// gracefully.
#[derive(Debug)]
#[must_use = "dropping it stops the server"]
pub struct Running {
    pub(super) server: Arc<ServerState>,
    pub(super) address: SocketAddr,
    /// Accepts connections and owns them. Ends by itself after `draining` is cancelled.
    pub(super) accepting: JoinHandle<()>,
}

impl Running {
    /// Returns the address that the server listens on.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.server.calls.connections()
    }

    /// Announces that the server is about to stop, and goes on serving. Health checks report that
    /// the server is not ready, and HTTP/1 responses carry `connection: close`, so that clients and
    /// proxies open their next connection elsewhere.
    ///
    /// Call this some time before [`drain`](Self::drain). A second call has no effect.
    pub fn announce_stop(&self) {
        self.server.announce_stop();
    }

    /// Stops accepting connections, asks peers to use another node, and waits at most `grace` for
    /// running calls to finish. The server then aborts the calls that are left; their clients get
    /// `Unavailable` if they still read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts every call at once.
    pub async fn drain(mut self, grace: Duration) -> DrainReport {
        tracing::info!(address = %self.address, ?grace, "draining");
        self.server.announce_stop();
        self.server.draining.cancel();
        if tokio::time::timeout(grace, &mut self.accepting)
            .await
            .is_ok()
        {
            return DrainReport::default();
        }
        let cut = self.server.running_calls();
        for call in &cut {
            let (peer, age) = (call.peer, call.age);
            tracing::warn!(path = call.path, %peer, ?age, "call cut at the end of the drain");
        }
        self.server.abort_calls();
        if tokio::time::timeout(CANCEL_GRACE, &mut self.accepting)
            .await
            .is_err()
        {
            self.accepting.abort();
            // A handler may block the thread that the task needs.
            match tokio::time::timeout(CANCEL_GRACE, &mut self.accepting).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "connections closed"),
                Err(_) => {
                    tracing::warn!("connections were abandoned; handlers block their threads");
                }
            }
        }
        DrainReport { cut }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The result of a drain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// Calls that had not finished at the end of the grace period, oldest first.
    pub cut: Vec<AbortedCall>,
}
