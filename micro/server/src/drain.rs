//! A running server and its end: finish what runs, cut what does not finish, name what was cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::state::{AbortedCall, ServerState};

/// How long calls that are cut have to tell their callers so.
const CANCEL_GRACE: Duration = Duration::from_millis(250);

/// A server that accepts calls.
///
/// Dropping it stops it at once and cuts every call; [`drain`](Self::drain) does it gently.
#[derive(Debug)]
#[must_use = "dropping it stops the server"]
pub struct Running {
    pub(super) server: Arc<ServerState>,
    pub(super) address: SocketAddr,
    /// Accepts, and owns every connection; ends by itself after the server's `draining`.
    pub(super) accepting: JoinHandle<()>,
}

impl Running {
    /// The address that the server listens on.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, tells peers to go elsewhere, lets running calls finish for at most
    /// `grace`, then cuts what is left: its callers are told `Unavailable` if they listen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts every call at once.
    pub async fn drain(mut self, grace: Duration) -> DrainReport {
        tracing::info!(address = %self.address, ?grace, "draining");
        self.server.health.drain();
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
            // A handler may block the thread that the task has to run on.
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

/// How a drain ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// The calls that had not finished by the end of the grace, the oldest first.
    pub cut: Vec<AbortedCall>,
}
