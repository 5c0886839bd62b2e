//! `AgeClock`: the time by which records are old.
//!
//! Records are stamped by the wall clock, and that may be set forward by mistake: then all of them
//! are old at once, and what is to be kept for days would be removed within a minute. So a leap of
//! the wall clock counts only once it has lasted as long as records are kept: by then whatever was
//! appended before it is old by any clock.

use micro_wake::sync::Mutex;
use std::time::{Duration, SystemTime};

/// How far the wall clock may run ahead from one look to the next without having leapt.
const MAX_DRIFT: Duration = Duration::from_secs(5);

/// Tells which records are older than an age. Believes the wall clock as it is when this is made.
#[derive(Debug)]
pub struct AgeClock(Mutex<LastReading>);

#[derive(Debug, Clone, Copy)]
struct LastReading {
    /// What both clocks said when the wall clock was last believed.
    believed: ClockReading,
    /// Since when it has been ahead of that without another leap, and what it said last.
    leapt: Option<(Duration, ClockReading)>,
}

/// What the clocks say.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    /// Time that has passed, whatever the wall clock says.
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

    /// What the wall clock says if nobody sets it.
    fn expected(self, passed: Duration) -> SystemTime {
        let since = passed.saturating_sub(self.passed);
        self.wall.checked_add(since).unwrap_or(self.wall)
    }

    /// Whether the wall clock has leapt ahead from here to there.
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
    /// The moment before which records are older than this; none when there is no such time.
    pub fn oldest(&self, age: Duration) -> Option<SystemTime> {
        let mut seen = self.0.lock();
        now(&mut seen, ClockReading::now(), age).checked_sub(age)
    }
}

/// What time it is for records that are kept so long.
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

/// Time since the machine was started, be it asleep or not: a record grows old meanwhile.
#[cfg(target_os = "linux")]
fn passed() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// Time since this was first called, without what the machine slept.
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
        // Another one begins anew.
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
