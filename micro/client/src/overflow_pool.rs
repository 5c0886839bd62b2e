//! More connections to one node, for when streams have taken all that it allows on the first.
//!
//! Each lasts as long as something runs on it: only calls hold it.

use std::fmt;
use std::sync::{Arc, Weak};

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::Mutex as Line;
use tokio::sync::MutexGuard as TimeSlice;

use crate::connection::Connection;

/// Connections beside the first.
#[derive(Default)]
pub(super) struct OverflowPool {
    /// Written when one is opened; swept then, too.
    open: Mutex<Vec<Weak<Connection>>>,
    /// Held while one is being opened, as others may do with that one.
    turn: Line<()>,
}

impl OverflowPool {
    /// One that is not taken up by streams.
    pub(super) fn free(&self) -> Option<Arc<Connection>> {
        let open = self.open();
        let mut connections = open.iter().filter_map(Weak::upgrade);
        connections.find(|connection| !connection.is_over() && !connection.is_saturated())
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        let mut open = self.open();
        open.retain(|connection| connection.strong_count() > 0);
        open.len()
    }

    /// Waits for the right to open one.
    pub(super) async fn turn(&self) -> TimeSlice<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn add(&self, connection: &Arc<Connection>) {
        self.open().push(Arc::downgrade(connection));
    }

    /// No more calls on this one.
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
