//! Compares reservations: numbers and names that must not be used again.

use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Enum, Field, Message, json_name};

/// The reservations of a message or an enum, and the numbers and names that it uses.
pub(super) struct Held<'s> {
    ranges: &'s [(i32, i32)],
    names: &'s [String],
    used: Vec<(i32, &'s str)>,
    /// The word for a number in reports: `tag` or `number`.
    word: &'static str,
}

impl<'s> From<&'s Message> for Held<'s> {
    fn from(message: &'s Message) -> Self {
        let used = message.fields.iter();
        Self {
            ranges: &message.reserved,
            names: &message.reserved_names,
            used: used.map(|field| (field.tag, &*field.name)).collect(),
            word: "tag",
        }
    }
}

impl<'s> From<&'s Enum> for Held<'s> {
    fn from(one: &'s Enum) -> Self {
        let used = one.values.iter();
        Self {
            ranges: &one.reserved,
            names: &one.reserved_names,
            used: used.map(|value| (value.number, &*value.name)).collect(),
            word: "number",
        }
    }
}

impl Comparison<'_> {
    /// Reports numbers and names that are no longer reserved and not used either.
    pub(super) fn released(&mut self, place: &str, old: &Held<'_>, new: &Held<'_>) {
        let word = old.word;
        let kept = |(first, last): &&(i32, i32)| {
            let mut ranges = new.ranges.iter();
            ranges.any(|(from, to)| from <= first && last <= to)
        };
        for (first, last) in old.ranges.iter().filter(|range| !kept(range)) {
            let numbers = if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            };
            let mut used = new.used.iter();
            if !used.any(|(number, _)| (*first..=*last).contains(number)) {
                let what = format!("{word} {numbers} is no longer reserved");
                let note = format!(
                    "write `reserved({})` again, or a later field or value may get the {word}",
                    numbers.replace(" to ", "..=")
                );
                self.find(place, what, Vec::new(), note);
            }
        }
        for name in old.names.iter().filter(|name| !new.names.contains(name)) {
            if !new.used.iter().any(|(_, used)| used == name) {
                let what = format!("the name `{name}` is no longer reserved");
                let note = format!(
                    "write `reserved(\"{name}\")` again, or a later field or value may get the name"
                );
                self.find(place, what, Vec::new(), note);
            }
        }
    }

    /// Reports a new field whose name was reserved in the old schema.
    pub(super) fn reused_field_name(&mut self, message: &str, field: &Field, old: &Message) {
        let mut names = old.reserved_names.iter();
        if names.any(|name| *name == field.name || json_name(name) == field.json_name) {
            self.reused_name(&format!("{message}.{}", field.name));
        }
    }

    /// Reports a new item whose name was reserved in the old schema.
    pub(super) fn reused_name(&mut self, place: &str) {
        let harm = Affected::Json.by("earlier values with this name are read as the new one");
        let what = "its name was reserved".to_owned();
        let remedy = "give it a name that was never used".to_owned();
        self.find(place, what, vec![harm], remedy);
    }
}
