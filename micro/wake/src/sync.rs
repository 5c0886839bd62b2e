//! Locks that ignore poison.
//!
//! The standard library poisons a lock when a thread panics while it holds it, so that every later
//! user must decide whether the data is intact. The runtime has one answer for all of its locks:
//!
//! - Data under a lock is whole at each point where the runtime itself could panic, for example on
//!   a failed allocation: critical sections are short, and change one thing.
//! - Where code of users runs under a lock (a future that is polled, a message that is encoded),
//!   the data belongs to the call that its panic fails.
//! - A poisoned lock that panics again would turn one failed call into the end of all calls.
//!
//! So `lock`, `read` and `write` return their guards, and no caller handles an error that cannot
//! be handled. Under `--cfg loom` the locks are loom's.

use std::fmt;
use std::sync::{PoisonError, TryLockError};

#[cfg(loom)]
use loom::sync as base;
#[cfg(not(loom))]
use std::sync as base;

pub use base::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A lock for one at a time: [`std::sync::Mutex`] without poison.
///
/// # Examples
///
/// ```
/// let counts = micro_wake::sync::Mutex::new(vec![1, 2]);
/// counts.lock().push(3);
/// assert_eq!(counts.into_inner(), [1, 2, 3]);
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized>(base::Mutex<T>);

impl<T> Mutex<T> {
    /// An unlocked value.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self(base::Mutex::new(value))
    }

    /// An unlocked value.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self(base::Mutex::new(value))
    }

    /// The value, without its lock.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock, or returns `None` when another holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The value, for its only user.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lock for many readers or one writer: [`std::sync::RwLock`] without poison.
///
/// # Examples
///
/// ```
/// let names = micro_wake::sync::RwLock::new(vec!["a"]);
/// names.write().push("b");
/// assert_eq!(names.read().len(), 2);
/// ```
#[derive(Default)]
pub struct RwLock<T>(base::RwLock<T>);

impl<T> RwLock<T> {
    /// An unlocked value.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self(base::RwLock::new(value))
    }

    /// An unlocked value.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self(base::RwLock::new(value))
    }

    /// Waits for the writer and takes the lock for reading.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the others and takes the lock for writing.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn locks_are_usable_after_a_panic_under_them() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let panicking = AssertUnwindSafe(|| {
            let (_one, _two) = (mutex.lock(), lock.write());
            panic!("as told");
        });
        assert!(catch_unwind(panicking).is_err());
        assert!(mutex.0.is_poisoned() && lock.0.is_poisoned());
        *mutex.lock() += 1;
        *lock.write() += 1;
        assert_eq!((*mutex.lock(), *lock.read()), (2, 2));
        assert_eq!(mutex.try_lock().map(|value| *value), Some(2));
        assert_eq!(mutex.into_inner(), 2);
    }

    #[test]
    fn try_lock_does_not_wait() {
        let mutex = Mutex::new(());
        let guard = mutex.lock();
        assert!(mutex.try_lock().is_none());
        drop(guard);
        assert!(mutex.try_lock().is_some());
    }
}
