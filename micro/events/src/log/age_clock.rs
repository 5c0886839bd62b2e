//! `AgeClock`: the clock that decides which records have exceeded a maximum age.
//!
//! Records carry wall-clock times, and the wall clock can be set forward by mistake. Without
//! protection, all records would then appear old and be removed within a minute. `AgeClock`
//! therefore accepts a forward jump of the wall clock only after the jump has lasted for the
//! maximum age: by then, all records appended before the jump are old by any clock.

use micro_wake::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Maximum time that the wall clock can gain between two readings without this counting as a jump.
const MAX_DRIFT: Duration = Duration::from_secs(5);

/// Determines which records are older than an age. Accepts the wall clock as it is at creation.
#[derive(Debug)]
pub struct AgeClock(Mutex<LastReading>);

#[derive(Debug, Clone, Copy)]
struct LastReading {
    /// Reading of both clocks when the wall clock was last accepted.
    believed: ClockReading,
    /// If the wall clock has jumped ahead: the time of the last jump, and the last reading.
    leapt: Option<(Duration, ClockReading)>,
}

/// A reading of both clocks.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    /// Monotonic time, independent of the wall clock.
    passed: Duration,
    wall: SystemTime,
}

impl ClockReading {
    fn now() -> Self {
        Self {
            passed: passed(),
            wall: SystemTime::now(),
        }
    }

    /// Expected wall-clock time if the wall clock is not set.
    fn expected(self, passed: Duration) -> SystemTime {
        let since = passed.saturating_sub(self.passed);
        self.wall.checked_add(since).unwrap_or(self.wall)
    }

    /// Whether the wall clock jumped ahead between this reading and `later`.
    fn leaps_to(self, later: Self) -> bool {
        later.wall > self.expected(later.passed) + MAX_DRIFT
    }
}

impl Default for AgeClock {
    fn default() -> Self {
        Self(Mutex::new(LastReading::new(ClockReading::now())))
    }
}

impl LastReading {
    fn new(believed: ClockReading) -> Self {
        Self {
            believed,
            leapt: None,
        }
    }
}

impl AgeClock {
    /// Time before which records are older than `age`; `None` if that time cannot be represented.
    pub fn oldest(&self, age: Duration) -> Option<SystemTime> {
        let mut seen = self.0.lock();
        now(&mut seen, ClockReading::now(), age).checked_sub(age)
    }
}

/// Current time for records that are kept for `age`.
fn now(seen: &mut LastReading, moment: ClockReading, age: Duration) -> SystemTime {
    if seen.believed.leaps_to(moment) {
        let since = match seen.leapt {
            Some((since, before)) if !before.leaps_to(moment) => since,
            _ => moment.passed,
        };
        seen.leapt = Some((since, moment));
        if moment.passed.saturating_sub(since) < age {
            return seen.believed.expected(moment.passed);
        }
    }
    *seen = LastReading::new(moment);
    moment.wall
}

/// Time since boot, including suspend, because records also age while the machine is suspended.
#[cfg(target_os = "linux")]
fn passed() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// Time since the first call, without the time during which the machine was suspended.
#[cfg(not(target_os = "linux"))]
fn passed() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn at(passed: u64, wall: u64) -> ClockReading {
        ClockReading {
            passed: Duration::from_secs(passed),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(wall),
        }
    }

    fn seconds(seen: &mut LastReading, moment: ClockReading) -> u64 {
        let now = now(seen, moment, Duration::from_secs(24 * HOUR));
        now.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    }

    #[test]
    fn a_leap_ahead_counts_once_it_has_lasted_as_long_as_records_are_kept() {
        let start = 1_000_000;
        let mut seen = LastReading::new(at(0, start));
        assert_eq!(seconds(&mut seen, at(100, start + 103)), start + 103);
        let leap = start + 9000 * HOUR;
        for passed in [200, HOUR, 24 * HOUR] {
            let now = seconds(&mut seen, at(passed, leap + passed));
            assert_eq!(now, start + 3 + passed);
        }
        // Another jump starts a new wait.
        let again = leap + 50 * HOUR;
        for passed in [25 * HOUR, 48 * HOUR] {
            let now = seconds(&mut seen, at(passed, again + passed));
            assert_eq!(now, start + 3 + passed);
        }
        let late = 49 * HOUR;
        assert_eq!(seconds(&mut seen, at(late, again + late)), again + late);
    }

    #[test]
    fn a_clock_that_is_set_back_counts_at_once() {
        let mut seen = LastReading::new(at(0, 9 * HOUR));
        assert_eq!(seconds(&mut seen, at(10, 20 * HOUR)), 9 * HOUR + 10);
        assert_eq!(seconds(&mut seen, at(20, 9 * HOUR + 20)), 9 * HOUR + 20);
        assert_eq!(seconds(&mut seen, at(30, HOUR)), HOUR);
    }
}
