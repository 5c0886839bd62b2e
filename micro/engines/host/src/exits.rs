//! Waits for the end of the processes that wrote records.
//!
//! On Linux the kernel reports the end of a process (`pidfd_open`), so nothing is polled. Where
//! that is not possible, the caller has to look periodically.

#[cfg(target_os = "linux")]
use std::collections::{HashMap, HashSet};
#[cfg(target_os = "linux")]
use std::future::poll_fn;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::task::Poll;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, PidfdFlags, pidfd_open};
#[cfg(target_os = "linux")]
use tokio::io::{Interest, unix::AsyncFd};

use crate::process::Process;

/// Maximum number of watched processes, because each of them takes a file descriptor.
#[cfg(target_os = "linux")]
const MAX_WATCHED: usize = 256;

/// Id and start time of a process.
#[cfg(target_os = "linux")]
type Key = (u32, u64);

/// The processes whose end is waited for.
#[cfg(target_os = "linux")]
#[derive(Default)]
pub(super) struct Exits {
    watched: HashMap<Key, AsyncFd<OwnedFd>>,
    /// Processes that have ended according to the kernel.
    ended: HashSet<Key>,
    /// Whether a process ended before its watch began.
    missed: bool,
    /// Whether the end of some processes is not reported.
    polls: bool,
}

#[cfg(target_os = "linux")]
impl Exits {
    /// Watches these processes, and no others. Processes whose end cannot be known are left out.
    pub(super) fn watch<'a>(&mut self, owners: impl Iterator<Item = &'a Process>, me: &Process) {
        let mut before = std::mem::take(self);
        for owner in owners {
            let Some(started) = owner.started.filter(|_| owner.can_be_gone(me)) else {
                continue;
            };
            let key = (owner.id, started);
            let known = self.watched.contains_key(&key) || self.ended.contains(&key);
            if known || owner.id == me.id {
                continue;
            }
            if before.ended.contains(&key) {
                // Its record is still there. Watching it again would report its end at once, over
                // and over.
                self.ended.insert(key);
                self.polls = true;
            } else if let Some(fd) = before.watched.remove(&key) {
                self.watched.insert(key, fd);
            } else {
                self.begin(key, owner, me);
            }
        }
    }

    fn begin(&mut self, key: Key, owner: &Process, me: &Process) {
        if self.watched.len() >= MAX_WATCHED {
            self.polls = true;
            return;
        }
        let pid = i32::try_from(key.0).ok().and_then(Pid::from_raw);
        let fd = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        #[expect(
            deprecated,
            reason = "the replacement is unsafe; an `OwnedFd` meets its requirements, as it keeps \
                      one descriptor open"
        )]
        let fd = fd.and_then(|fd| AsyncFd::with_interest(fd, Interest::READABLE).ok());
        // Checked after the descriptor was opened: before that, another process could have taken
        // the id.
        if owner.is_gone(me) {
            self.missed = true;
        } else if let Some(fd) = fd {
            self.watched.insert(key, fd);
        } else {
            self.polls = true;
        }
    }

    /// Whether the end of some processes has to be found by looking periodically.
    pub(super) fn needs_polling(&self) -> bool {
        self.polls
    }

    /// Waits until a watched process ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) {
        poll_fn(|cx| {
            let ended = self.watched.iter();
            let ended = ended.filter(|(_, fd)| fd.poll_read_ready(cx).is_ready());
            let ended: Vec<Key> = ended.map(|(key, _)| *key).collect();
            for key in &ended {
                self.watched.remove(key);
                self.ended.insert(*key);
            }
            if std::mem::take(&mut self.missed) || !ended.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// The processes whose end is waited for: none, because this system does not report it.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
pub(super) struct Exits;

#[cfg(not(target_os = "linux"))]
impl Exits {
    /// Does nothing: a record's process is unknown here, so the record lives until its ttl ends.
    pub(super) fn watch<'a>(&mut self, _: impl Iterator<Item = &'a Process>, _: &Process) {}

    /// Whether the end of some processes has to be found by looking periodically.
    pub(super) fn needs_polling(&self) -> bool {
        false
    }

    /// Never completes.
    pub(super) async fn next(&mut self) {
        std::future::pending().await
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn sleeper() -> (Child, Process) {
        let child = Command::new("sleep").arg("600").spawn();
        let child = child.expect("`sleep` starts");
        let owner = Process::of(child.id());
        (child, owner)
    }

    #[tokio::test]
    async fn end_of_a_process_is_reported_once() {
        let me = Process::this();
        let ((mut child, owner), (mut other, lasting)) = (sleeper(), sleeper());
        let mut exits = Exits::default();
        exits.watch([&owner, &lasting, &me].into_iter(), &me);
        assert_eq!((exits.watched.len(), exits.needs_polling()), (2, false));
        child.kill().unwrap();
        timeout(LONG, exits.next()).await.unwrap();
        // Its record may stay for some reason. That must not become a busy loop.
        exits.watch([&owner, &lasting].into_iter(), &me);
        assert_eq!((exits.watched.len(), exits.needs_polling()), (1, true));
        let again = timeout(Duration::from_millis(50), exits.next()).await;
        assert!(again.is_err(), "reported twice");
        exits.watch([&lasting].into_iter(), &me);
        assert!(!exits.needs_polling());
        other.kill().unwrap();
        timeout(LONG, exits.next()).await.unwrap();
        child.wait().unwrap();
        other.wait().unwrap();
    }

    #[tokio::test]
    async fn process_that_ended_before_is_reported() {
        let me = Process::this();
        let (mut child, owner) = sleeper();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut exits = Exits::default();
        exits.watch([&owner].into_iter(), &me);
        timeout(LONG, exits.next()).await.unwrap();
    }
}
