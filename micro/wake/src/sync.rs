//! Locks that ignore poisoning.
//!
//! The standard library poisons a lock when a thread panics while it holds the lock. Every later
//! user then has to decide whether the data is intact. The runtime decides the same way for all of
//! its locks:
//!
//! - Data under a lock is consistent at each point where the runtime itself could panic, for
//!   example on a failed allocation: critical sections are short and change one thing.
//! - Where user code runs under a lock (a future that is polled, a message that is encoded), the
//!   data belongs to the call that the panic fails.
//! - A panic on a poisoned lock would turn one failed call into the failure of all calls.
//!
//! So `lock`, `read` and `write` return their guards directly, and callers do not handle an error
//! that they could not recover from. Under `--cfg loom` the locks are loom's.

use std::fmt;
use std::sync::{PoisonError, TryLockError};

#[cfg(loom)]
use loom::sync as base;
#[cfg(not(loom))]
use std::sync as base;

pub use base::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A mutual exclusion lock: [`std::sync::Mutex`] without poisoning.
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
    /// Creates an unlocked mutex.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self(base::Mutex::new(value))
    }

    /// Creates an unlocked mutex.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self(base::Mutex::new(value))
    }

    /// Returns the value and consumes the mutex.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock, or returns `None` if it is held elsewhere.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Returns the value. No lock is needed, because the borrow is exclusive.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lock for many readers or one writer: [`std::sync::RwLock`] without poisoning.
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
    /// Creates an unlocked lock.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self(base::RwLock::new(value))
    }

    /// Creates an unlocked lock.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self(base::RwLock::new(value))
    }

    /// Waits until no writer holds the lock and takes it for reading.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no reader and no other writer holds the lock and takes it for writing.
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
    fn locks_are_usable_after_a_panic_while_held() {
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
