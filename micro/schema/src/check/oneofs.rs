//! Compares the oneofs of fields: a field may move into a oneof, out of it or into another one.

use std::collections::BTreeSet;

use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Field, Message};

impl Comparison<'_> {
    /// Reports fields that now exclude other fields than before. The name of a oneof does not
    /// matter, and a oneof with a single field does not exclude anything.
    pub(super) fn oneofs(&mut self, name: &str, old: &Message, new: &Message) {
        for field in &old.fields {
            let same = |other: &&Field| other.tag == field.tag && other.name == field.name;
            let Some(other) = new.fields.iter().find(same) else {
                continue;
            };
            // A oneof may gain and lose fields. Only fields that are in both messages are affected.
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
                let how = "if several of the fields are sent, only the last one is kept";
                harms.extend([Affected::OldCallers, Affected::StoredData].map(|one| one.by(how)));
                harms.push(Affected::Json.by("messages with several of the fields are rejected"));
            }
            if !before.is_subset(&after) {
                let how = "if several of the fields are sent, only the last one is kept";
                harms.push(Affected::NewCallers.by(how));
            }
            let inside = |field: &Field| match &field.oneof {
                Some(oneof) => format!("in the oneof `{oneof}`"),
                None => "in no oneof".to_owned(),
            };
            let what = format!("it was {} and is {}", inside(field), inside(other));
            let remedy = "keep the field where it was and add a new one with its own tag";
            self.find(
                &format!("{name}.{}", field.name),
                what,
                harms,
                remedy.to_owned(),
            );
        }
    }
}

/// The tags of the fields that exclude this one.
fn rivals(message: &Message, field: &Field) -> Vec<i32> {
    let Some(oneof) = &field.oneof else {
        return Vec::new();
    };
    let others = message.fields.iter().filter(|other| other.tag != field.tag);
    let others = others.filter(|other| other.oneof.as_ref() == Some(oneof));
    others.map(|other| other.tag).collect()
}
