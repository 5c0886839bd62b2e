//! The clocks that measure a record's ttl.
//!
//! Users and time servers may set the wall clock forward and back. All processes of one machine
//! also share a better clock: the time since boot. It stops while the machine sleeps, like the
//! timers of the heartbeats, so no record expires during sleep. `CLOCK_BOOTTIME` continues during
//! sleep and would expire them. The uptime is used on Linux only: other systems have no id that
//! distinguishes one boot from another, so they use the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads the clocks.
#[derive(Debug)]
pub(super) struct Clock {
    /// Id of the current boot of this machine.
    boot: Option<String>,
    /// Number of seconds by which a test has set the wall clock forward.
    #[cfg(test)]
    pub(super) set_by: std::sync::atomic::AtomicU64,
}

/// The readings of the clocks at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// Time since the Unix epoch.
    pub(super) wall: Duration,
    /// Time since boot, or `None` if unknown.
    pub(super) uptime: Option<Uptime>,
}

/// A time since the boot of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uptime {
    /// Id of the boot, which also identifies the machine.
    pub(super) boot: String,
    pub(super) at: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            boot: boot(),
            #[cfg(test)]
            set_by: std::sync::atomic::AtomicU64::default(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let wall = wall();
        #[cfg(test)]
        let wall = {
            let set_by = self.set_by.load(std::sync::atomic::Ordering::SeqCst);
            wall + Duration::from_secs(set_by)
        };
        let uptime = self.boot.clone().zip(uptime());
        Now {
            wall,
            uptime: uptime.map(|(boot, at)| Uptime { boot, at }),
        }
    }
}

impl Now {
    /// The instant that is `length` after this one.
    pub(super) fn later(&self, length: Duration) -> Self {
        Self {
            wall: self.wall.saturating_add(length),
            uptime: self.uptime.clone().map(|uptime| Uptime {
                at: uptime.at.saturating_add(length),
                ..uptime
            }),
        }
    }

    /// Whether this instant has passed. An instant of another boot or another machine has always
    /// passed.
    pub(super) fn is_over(&self, now: &Self) -> bool {
        match (&self.uptime, &now.uptime) {
            (Some(end), Some(now)) => end.boot != now.boot || end.at <= now.at,
            _ => self.wall <= now.wall,
        }
    }

    /// Time until this instant. Zero for an instant of another boot or another machine.
    pub(super) fn left(&self, now: &Self) -> Duration {
        match (&self.uptime, &now.uptime) {
            (Some(end), Some(now)) if end.boot == now.boot => end.at.saturating_sub(now.at),
            (Some(_), Some(_)) => Duration::ZERO,
            _ => self.wall.saturating_sub(now.wall),
        }
    }

    /// Whether this instant passed more than `length` ago. For an instant of another boot or
    /// another machine, only the wall clocks are compared.
    pub(super) fn is_over_since(&self, length: Duration, now: &Self) -> bool {
        match (&self.uptime, &now.uptime) {
            (Some(end), Some(now)) if end.boot == now.boot => {
                end.at.saturating_add(length) < now.at
            }
            _ => self.wall.saturating_add(length) < now.wall,
        }
    }
}

/// Current wall clock time since the Unix epoch.
pub(super) fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
fn uptime() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::Monotonic)).ok()
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(wall: u64, boot: &str, at: u64) -> Now {
        Now {
            wall: SECOND * u32::try_from(wall).unwrap(),
            uptime: Some(Uptime {
                boot: boot.to_owned(),
                at: SECOND * u32::try_from(at).unwrap(),
            }),
        }
    }

    #[test]
    fn within_one_life_of_the_machine_only_its_uptime_counts() {
        let end = at(1000, "a", 50);
        for wall in [0, 999, 1000, 9_999_999] {
            assert!(!end.is_over(&at(wall, "a", 49)));
            assert!(end.is_over(&at(wall, "a", 50)));
            assert_eq!(end.left(&at(wall, "a", 40)), SECOND * 10);
            assert_eq!(end.left(&at(wall, "a", 60)), Duration::ZERO);
            assert!(!end.is_over_since(SECOND * 10, &at(wall, "a", 60)));
            assert!(end.is_over_since(SECOND * 10, &at(wall, "a", 61)));
        }
    }

    #[test]
    fn what_is_of_another_life_is_over_and_goes_by_the_wall_clock() {
        let end = at(1000, "a", 50);
        assert!(end.is_over(&at(900, "b", 7)));
        assert_eq!(end.left(&at(900, "b", 7)), Duration::ZERO);
        assert!(!end.is_over_since(SECOND * 10, &at(1010, "b", 7)));
        assert!(end.is_over_since(SECOND * 10, &at(1011, "b", 7)));
        let unknown = Now {
            uptime: None,
            ..at(1000, "a", 50)
        };
        assert!(!unknown.is_over(&at(999, "a", 70)) && unknown.is_over(&at(1000, "a", 1)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn on_linux_the_uptime_is_known_and_goes_on() {
        let clock = Clock::new();
        let (first, second) = (clock.now().uptime.unwrap(), clock.now().uptime.unwrap());
        assert_eq!(first.boot, second.boot);
        assert!(first.at > Duration::ZERO && first.at <= second.at);
    }
}
