//! The process that wrote a record, and whether it is still running.
//!
//! This works on Linux only. On other systems nothing is known, and a record lives until its ttl
//! ends. A process is reported as gone only if this is certain.

use std::fs;
use std::io;

/// A process as stored in a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    /// Start time in kernel ticks. It distinguishes the process from a later one with the same id.
    pub(super) started: Option<u64>,
    /// Pid namespace of `id`, or empty if unknown.
    pub(super) pids: String,
    /// Network namespace, or empty if unknown.
    pub(super) network: String,
}

impl Process {
    /// The current process.
    pub(super) fn this() -> Self {
        Self::of(std::process::id())
    }

    /// A process in the current process's namespaces.
    pub(super) fn of(id: u32) -> Self {
        let namespace = |name: &str| {
            let link = fs::read_link(format!("/proc/self/ns/{name}")).unwrap_or_default();
            link.to_string_lossy().into_owned()
        };
        Self {
            id,
            started: fs::read(format!("/proc/{id}/stat"))
                .ok()
                .and_then(|stat| started(&stat)),
            pids: namespace("pid"),
            network: namespace("net"),
        }
    }

    /// Whether the process has certainly ended, as far as `me` can tell.
    pub(super) fn is_gone(&self, me: &Self) -> bool {
        let Some(then) = self.started.filter(|_| self.can_be_gone(me)) else {
            return false;
        };
        match fs::read(format!("/proc/{}/stat", self.id)) {
            Ok(stat) => started(&stat).is_none_or(|now| now != then),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Whether `me` can find out that the process has ended. In another pid namespace, the same id
    /// belongs to a different process.
    pub(super) fn can_be_gone(&self, me: &Self) -> bool {
        self.started.is_some()
            && !self.pids.is_empty()
            && self.pids == me.pids
            && me.started.is_some()
    }

    /// Whether `me` can reach the addresses on which this process listens.
    pub(super) fn shares_network(&self, me: &Self) -> bool {
        self.network == me.network
    }
}

/// Parses the start time of a process from its `/proc/<id>/stat`. Returns `None` for a process that
/// is dead but not yet reaped.
fn started(stat: &[u8]) -> Option<u64> {
    // The name is in parentheses and may contain any byte. State and numbers follow it.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // `starttime` is field 22; the state was field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_an_ended_one_is_gone() {
        let me = Process::this();
        assert!(!me.is_gone(&me));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let stat = fs::read(format!("/proc/{}/stat", child.id()));
        let started = stat.ok().and_then(|stat| started(&stat)).or(Some(1));
        let ended = Process {
            id: child.id(),
            started,
            ..me.clone()
        };
        child.wait().unwrap();
        assert!(ended.is_gone(&me));
    }

    #[test]
    fn later_process_with_the_same_id_does_not_count() {
        let me = Process::this();
        let earlier = Process {
            started: me.started.map(|then| then - 1),
            ..me.clone()
        };
        assert!(earlier.is_gone(&me));
    }

    #[test]
    fn doubt_keeps_a_process() {
        let me = Process::this();
        let elsewhere = Process {
            id: u32::MAX,
            pids: "pid:[1]".to_owned(),
            ..me.clone()
        };
        assert!(!elsewhere.is_gone(&me));
        assert!(
            !Process {
                id: u32::MAX,
                started: None,
                ..me.clone()
            }
            .is_gone(&me)
        );
    }

    #[test]
    fn stat_with_a_nasty_name_is_read() {
        let tail = "1 ".repeat(18);
        let stat = format!("7 (a) Z 1 (\n) S {tail}4711 0 0");
        assert_eq!(started(stat.as_bytes()), Some(4711));
        let dead = format!("7 (a) Z {tail}4711 0 0");
        assert_eq!(started(dead.as_bytes()), None);
        for junk in ["", ")", "7 (a", "7 (a) S 1 2"] {
            assert_eq!(started(junk.as_bytes()), None);
        }
    }
}
