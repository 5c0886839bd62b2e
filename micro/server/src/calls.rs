//! Which calls of a connection run now, so that a drain can name those it cuts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::drain::Cut;
use crate::peer::Peer;
use micro_core::handler::MethodInfo;

/// The calls that run now on one connection.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Option<Started>>,
    /// Indices of empty slots.
    free: Vec<usize>,
}

#[derive(Debug)]
struct Started {
    method: Arc<MethodInfo>,
    at: Instant,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What would be cut if the connection were closed now.
    pub(super) fn running(&self, peer: &Peer) -> Vec<Cut> {
        let slots = self.lock();
        let running = slots.slots.iter().flatten();
        running
            .map(|call| Cut {
                path: call.method.path.clone().into_owned(),
                peer: peer.address,
                age: call.at.elapsed(),
            })
            .collect()
    }
}

/// A call that runs; dropped when its reply is sent or it is given up.
#[derive(Debug)]
pub(super) struct CallGuard {
    peer: Arc<Peer>,
    slot: usize,
}

impl CallGuard {
    /// Counts a call as running.
    pub(super) fn new(peer: Arc<Peer>, method: &Arc<MethodInfo>) -> Self {
        let started = Some(Started {
            method: Arc::clone(method),
            at: Instant::now(),
        });
        let mut slots = peer.calls.lock();
        let slot = if let Some(slot) = slots.free.pop() {
            slots.slots[slot] = started;
            slot
        } else {
            slots.slots.push(started);
            slots.slots.len() - 1
        };
        drop(slots);
        Self { peer, slot }
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut slots = self.peer.calls.lock();
        slots.slots[self.slot] = None;
        slots.free.push(self.slot);
    }
}
