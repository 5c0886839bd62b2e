//! Several names of one number: JSON writes the first one, and reads all.

use std::collections::BTreeSet;

use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Enum, Value};

impl Comparison<'_> {
    /// Numbers that JSON writes under another one of their names.
    pub(super) fn first_names(&mut self, name: &str, old: &Enum, new: &Enum) {
        let mut numbers = BTreeSet::new();
        for value in old
            .values
            .iter()
            .filter(|value| numbers.insert(value.number))
        {
            let mut same = new.values.iter().filter(|own| own.number == value.number);
            let first = same.next().filter(|first| first.name != value.name);
            let (Some(first), true) = (first, same.any(|own| own.name == value.name)) else {
                continue;
            };
            let how = if has(old, first) {
                "the number is written under another one of its names"
            } else {
                "the name that is written is not known to old readers"
            };
            let what = format!("JSON has {} as `{}` now", value.number, first.name);
            let remedy = format!(
                "let it stay the first name: `#[micro(name = \"{}\", alias(\"{}\"))]`",
                value.name, first.name
            );
            let place = format!("{name}.{}", value.name);
            self.find(&place, what, vec![Affected::Json.by(how)], remedy);
        }
    }

    /// A name that is gone, of a number that keeps another one.
    pub(super) fn removed_alias(&mut self, place: &str, old: &Value, new: &Enum) {
        let what = format!("the name is gone, and {} has others", old.number);
        if new.reserved_names.contains(&old.name) {
            let note = "it is reserved; JSON with it is refused".to_owned();
            self.find(place, what, Vec::new(), note);
            return;
        }
        let harms = vec![
            Affected::Json.by("its name is refused"),
            Affected::Sources.by("the name is gone; the bytes are the same"),
        ];
        let remedy = format!(
            "keep it as another name: `#[micro(alias(\"{}\"))]`",
            old.name
        );
        self.find(place, what, harms, remedy);
    }

    /// A new name of a number that keeps an old one.
    pub(super) fn new_alias(&mut self, name: &str, value: &Value, old: &Enum, new: &Enum) {
        if has_other_name(value, old, new) {
            self.add(format!(
                "name `{name}.{}` of {} (an old reader of JSON refuses it)",
                value.name, value.number
            ));
        }
    }
}

/// Whether the value's number has a name in both enums that is not this one.
pub(super) fn has_other_name(value: &Value, old: &Enum, new: &Enum) -> bool {
    let mut others = old.values.iter().filter(|own| own.number == value.number);
    others.any(|own| own.name != value.name && has(new, own))
}

fn has(one: &Enum, value: &Value) -> bool {
    let mut values = one.values.iter();
    values.any(|own| own.name == value.name && own.number == value.number)
}
