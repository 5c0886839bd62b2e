//! What one connection shares among its calls.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::calls::Calls;
use crate::server_state::ServerState;

/// What one connection shares among its calls.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) server: Arc<ServerState>,
    /// Of the peer.
    pub(super) address: SocketAddr,
    pub(super) calls: Arc<Calls>,
    /// The server's `cut`, for this connection alone: its calls do not queue at the server's lock.
    pub(super) cut: CancellationToken,
}

impl ConnectionState {
    /// A connection that has been accepted.
    pub(super) fn new(server: &Arc<ServerState>, address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            server: Arc::clone(server),
            address,
            calls: server.calls.connection(address),
            cut: server.cut.child_token(),
        })
    }
}
