//! Further connections to one node, used when streams occupy all that the node allows on the first.
//!
//! Only calls hold such a connection, so it lasts as long as any call runs on it.

use std::fmt;
use std::sync::{Arc, Weak};

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::Mutex as Line;
use tokio::sync::MutexGuard as TimeSlice;

use crate::connection::Connection;

/// Further connections to one node.
#[derive(Default)]
pub(super) struct OverflowPool {
    /// Extended when a connection is opened; closed connections are removed then.
    open: Mutex<Vec<Weak<Connection>>>,
    /// Held while a connection is being opened, as other callers may use that one as well.
    turn: Line<()>,
}

impl OverflowPool {
    /// Returns a connection that streams have not saturated.
    pub(super) fn free(&self) -> Option<Arc<Connection>> {
        let open = self.open();
        let mut connections = open.iter().filter_map(Weak::upgrade);
        connections.find(|connection| !connection.is_over() && !connection.is_saturated())
    }

    /// Returns the number of open connections.
    pub(super) fn len(&self) -> usize {
        let mut open = self.open();
        open.retain(|connection| connection.strong_count() > 0);
        open.len()
    }

    /// Waits for the exclusive right to open a connection.
    pub(super) async fn turn(&self) -> TimeSlice<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn add(&self, connection: &Arc<Connection>) {
        self.open().push(Arc::downgrade(connection));
    }

    /// Removes a connection, so that it gets no more calls.
    pub(super) fn forget(&self, connection: &Arc<Connection>) {
        let other = |open: &Weak<Connection>| !std::ptr::eq(open.as_ptr(), Arc::as_ptr(connection));
        self.open().retain(other);
    }

    pub(super) fn forget_all(&self) {
        self.open().clear();
    }

    fn open(&self) -> MutexGuard<'_, Vec<Weak<Connection>>> {
        self.open.lock()
    }
}

impl fmt::Debug for OverflowPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wide({})", self.open().len())
    }
}
