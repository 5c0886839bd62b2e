//! `Task`: whom to wake, as it stands.

use std::sync::{Mutex, MutexGuard, PoisonError};
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
        let mut now = self.lock();
        if !now.will_wake(task) {
            let before = std::mem::replace(&mut *now, task.clone());
            drop((now, before));
        }
    }

    pub(super) fn wake(&self) {
        // Whatever waking does is done without the lock.
        let task = self.lock().clone();
        task.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Waker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wakes::Wakes;

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
