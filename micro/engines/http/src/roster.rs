//! [`Roster`]: the subscribers that a process reports over the stream that carries its events.
//!
//! A registry may drop a subscriber that still exists, and may list one that has ended. The process
//! is the authoritative source. This is plain data.

use std::collections::HashSet;

use tokio::time::Instant;

/// The subscribers that a process reported.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Prefix of the ids of the process's subscribers. If another process listens at the same
    /// address later, its prefix differs, and its reports do not concern the subscribers of the
    /// earlier process.
    process: String,
    /// Ids in the last report.
    present: HashSet<String>,
    /// Number of the current or last stream.
    stream: u64,
    /// Whether the current stream is open and has carried a report.
    is_current: bool,
    /// When the last stream that carried a report ended.
    until: Option<Instant>,
    /// Ids of known subscribers that have ended gracefully.
    left: HashSet<String>,
    /// Ids of subscribers that are missing from the registry.
    unlisted: HashSet<String>,
}

/// State of one subscriber according to its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RosterEntry {
    /// The subscriber accepts events.
    Present,
    /// The subscriber has ended gracefully.
    Left,
    /// The process has not sent a report over the current stream yet.
    Nothing,
    /// The address now belongs to another process.
    Stranger,
}

impl Roster {
    /// Starts a new stream, which makes earlier reports outdated. Returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.end(self.stream);
        self.stream += 1;
        self.stream
    }

    /// Ends a stream. Ignored if a newer stream has started.
    pub(super) fn end(&mut self, stream: u64) {
        if stream == self.stream && std::mem::take(&mut self.is_current) {
            self.until = Some(Instant::now());
        }
    }

    /// Returns when the last stream that carried a report ended.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Applies a report.
    pub(super) fn receive_report(
        &mut self,
        stream: u64,
        process: String,
        subscribers: Vec<String>,
    ) {
        if stream != self.stream {
            return;
        }
        let present: HashSet<String> = subscribers.into_iter().collect();
        if process == self.process {
            let ended = self.present.iter().filter(|id| !present.contains(*id));
            self.left.extend(ended.cloned());
        }
        (self.process, self.present, self.is_current) = (process, present, true);
    }

    /// Returns whether a subscriber is known to have ended gracefully.
    pub(super) fn has_left(&self, id: &str) -> bool {
        self.left.contains(id) || (self.unlisted.contains(id) && self.says(id) == RosterEntry::Left)
    }

    /// Returns the state of a subscriber according to the last report.
    pub(super) fn says(&self, id: &str) -> RosterEntry {
        if self.left.contains(id) {
            return RosterEntry::Left;
        }
        match (self.is_current, id.starts_with(&self.process)) {
            (false, _) => RosterEntry::Nothing,
            (true, false) => RosterEntry::Stranger,
            (true, true) if self.present.contains(id) => RosterEntry::Present,
            (true, true) => RosterEntry::Left,
        }
    }

    /// Called after a change of the registry. `known` contains the members in the peer process,
    /// and `unlisted` those of them that are missing from the registry.
    pub(super) fn keep(&mut self, known: &HashSet<&str>, unlisted: HashSet<String>) {
        // `known` bounds the set, however many subscribers end while the stream is open.
        self.left.retain(|id| known.contains(&**id));
        self.unlisted = unlisted;
    }

    /// Returns whether the stream is the only source that reports some subscriber as present.
    pub(super) fn is_needed(&self) -> bool {
        self.unlisted
            .iter()
            .any(|id| self.says(id) == RosterEntry::Present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&id| id.to_owned()).collect()
    }

    #[test]
    fn who_is_in_no_later_list_has_left_and_others_are_not_known() {
        let mut roll = Roster::default();
        assert_eq!(roll.says("p-1"), RosterEntry::Nothing);
        roll.receive_report(roll.stream, "p-".to_owned(), ids(&["p-1", "p-2"]));
        assert_eq!(roll.says("p-1"), RosterEntry::Present);
        assert_eq!(roll.says("p-3"), RosterEntry::Left);
        assert_eq!(roll.says("q-1"), RosterEntry::Stranger);
        roll.begin();
        assert_eq!(roll.says("p-1"), RosterEntry::Nothing);
        roll.receive_report(roll.stream, "p-".to_owned(), ids(&["p-2"]));
        assert!(roll.has_left("p-1") && !roll.has_left("p-2") && !roll.has_left("p-3"));
    }

    #[test]
    fn a_process_that_takes_over_an_address_does_not_speak_for_the_one_before() {
        let mut roll = Roster::default();
        roll.receive_report(roll.stream, "p-".to_owned(), ids(&["p-1"]));
        roll.begin();
        roll.receive_report(roll.stream, "q-".to_owned(), ids(&["q-1"]));
        assert!(!roll.has_left("p-1"));
        assert_eq!(roll.says("p-1"), RosterEntry::Stranger);
    }

    #[test]
    fn the_end_of_an_earlier_stream_is_not_that_of_the_open_one() {
        let mut roll = Roster::default();
        let first = roll.begin();
        let second = roll.begin();
        roll.receive_report(second, "p-".to_owned(), ids(&["p-1"]));
        roll.receive_report(first, "p-".to_owned(), Vec::new());
        roll.end(first);
        assert_eq!(
            (roll.says("p-1"), roll.until()),
            (RosterEntry::Present, None)
        );
        roll.end(second);
        assert_eq!(roll.says("p-1"), RosterEntry::Nothing);
        assert!(roll.until().is_some());
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept() {
        let mut roll = Roster::default();
        for number in 0..100 {
            roll.receive_report(roll.stream, "p-".to_owned(), vec![format!("p-{number}")]);
            let known = HashSet::from(["p-7"]);
            roll.keep(&known, HashSet::from(["p-7".to_owned()]));
            assert!(roll.left.len() <= 1);
            assert_eq!(roll.is_needed(), number == 7);
        }
        assert!(roll.has_left("p-7") && !roll.has_left("p-8"));
    }
}
