//! `Roster`: what a process itself says of its subscribers, over the stream that events go by.
//!
//! A registry may forget a subscriber that lives, and lists one that has ended for a while. The
//! process knows. Plain data.

use std::collections::HashSet;

use tokio::time::Instant;

/// What a process said of its subscribers.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// What the ids of its subscribers begin with. Another process may listen at the same address
    /// by now: it knows nothing of the subscribers of the one before it.
    process: String,
    /// Those of the last list.
    present: HashSet<String>,
    /// The number of the stream that is open, or was last.
    stream: u64,
    /// Whether the list came by that stream, and it is open.
    is_current: bool,
    /// When the last stream ended by which a list had come.
    until: Option<Instant>,
    /// Those that have ended in order and that somebody may still ask for.
    left: HashSet<String>,
    /// Those that the registry does not know any more.
    unlisted: HashSet<String>,
}

/// What a process says of one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RosterEntry {
    /// It takes events.
    Present,
    /// It has ended in order.
    Left,
    /// The process has not said anything over this stream yet.
    Nothing,
    /// Another process listens at the address.
    Stranger,
}

impl Roster {
    /// A stream begins: what was said over the one before it is not news. Gives its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.end(self.stream);
        self.stream += 1;
        self.stream
    }

    /// A stream has ended; another may have begun already.
    pub(super) fn end(&mut self, stream: u64) {
        if stream == self.stream && std::mem::take(&mut self.is_current) {
            self.until = Some(Instant::now());
        }
    }

    /// When the last stream ended by which the process said who is there.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Takes a list in.
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

    /// Whether a subscriber is known to have ended in order.
    pub(super) fn has_left(&self, id: &str) -> bool {
        self.left.contains(id) || (self.unlisted.contains(id) && self.says(id) == RosterEntry::Left)
    }

    /// What the process says of a subscriber that the registry does not know any more.
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

    /// The registry has changed: `known` are asked for, and of these `unlisted` are not in it.
    pub(super) fn keep(&mut self, known: &HashSet<&str>, unlisted: HashSet<String>) {
        // Bounded by who is asked for, however many end while the stream is open.
        self.left.retain(|id| known.contains(&**id));
        self.unlisted = unlisted;
    }

    /// Whether only the stream tells that some subscriber is there.
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
