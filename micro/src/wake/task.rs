//! `Task`: whom to wake, as it stands.

use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// The waker of whoever polled last; written by who polls, read by who wakes.
#[derive(Debug)]
pub(super) struct Task(Mutex<Waker>);

impl Default for Task {
    fn default() -> Self {
        Self(Mutex::new(Waker::noop().clone()))
    }
}

impl Task {
    pub(super) fn set(&self, task: &Waker) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.clone_from(task);
    }

    pub(super) fn wake(&self) {
        let own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wake::Wakes;

    #[test]
    fn whoever_was_set_last_is_woken() {
        let wakes = [(); 2].map(|()| Arc::new(Wakes::default()));
        let task = Task::default();
        task.wake();
        for wakes in &wakes {
            task.set(&Waker::from(Arc::clone(wakes)));
        }
        task.wake();
        assert_eq!(wakes.map(|wakes| wakes.count()), [0, 1]);
    }
}
