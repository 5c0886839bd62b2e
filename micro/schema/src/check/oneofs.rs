//! Fields that moved into a oneof, out of it or into another.

use std::collections::BTreeSet;

use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Field, Message};

impl Comparison<'_> {
    /// Fields that exclude others than they did. What a oneof is called does not matter, and a
    /// oneof of one field excludes nothing.
    pub(super) fn oneofs(&mut self, name: &str, old: &Message, new: &Message) {
        for field in &old.fields {
            let same = |other: &&Field| other.tag == field.tag && other.name == field.name;
            let Some(other) = new.fields.iter().find(same) else {
                continue;
            };
            // A oneof may gain and lose fields; only those that are in both messages are felt.
            let both = |tag: &i32| {
                let has = |message: &Message| message.fields.iter().any(|one| one.tag == *tag);
                has(old) && has(new)
            };
            let rivals = |message, field| -> BTreeSet<i32> {
                rivals(message, field).into_iter().filter(both).collect()
            };
            let (before, after) = (rivals(old, field), rivals(new, other));
            if before == after {
                continue;
            }
            let mut harms = Vec::new();
            if !after.is_subset(&before) {
                let how = "of several that are sent only the last is kept";
                harms.extend([Affected::OldCallers, Affected::StoredData].map(|one| one.by(how)));
                harms.push(Affected::Json.by("several at once are refused"));
            }
            if !before.is_subset(&after) {
                let how = "of several that are sent only the last is kept";
                harms.push(Affected::NewCallers.by(how));
            }
            let inside = |field: &Field| match &field.oneof {
                Some(oneof) => format!("in the oneof `{oneof}`"),
                None => "in no oneof".to_owned(),
            };
            let what = format!("it was {} and is {}", inside(field), inside(other));
            let remedy = "keep the field where it was, and add a new one with a tag of its own";
            self.find(
                &format!("{name}.{}", field.name),
                what,
                harms,
                remedy.to_owned(),
            );
        }
    }
}

/// The tags of the fields that cannot be set beside this one.
fn rivals(message: &Message, field: &Field) -> Vec<i32> {
    let Some(oneof) = &field.oneof else {
        return Vec::new();
    };
    let others = message.fields.iter().filter(|other| other.tag != field.tag);
    let others = others.filter(|other| other.oneof.as_ref() == Some(oneof));
    others.map(|other| other.tag).collect()
}
