//! Aliases: several names of one number. JSON writes the first name and reads all of them.

use std::collections::BTreeSet;

use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Enum, Value};

impl Comparison<'_> {
    /// Finds numbers that JSON now writes with another one of their names.
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
                "the number is written with another one of its names"
            } else {
                "old readers do not know the name that is written"
            };
            let what = format!("JSON now writes {} as `{}`", value.number, first.name);
            let remedy = format!(
                "keep it as the first name: `#[micro(name = \"{}\", alias(\"{}\"))]`",
                value.name, first.name
            );
            let place = format!("{name}.{}", value.name);
            self.find(&place, what, vec![Affected::Json.by(how)], remedy);
        }
    }

    /// Reports a removed name of a number that still has another name.
    pub(super) fn removed_alias(&mut self, place: &str, old: &Value, new: &Enum) {
        let what = format!("the name is removed; {} has other names", old.number);
        if new.reserved_names.contains(&old.name) {
            let note = "it is reserved; JSON with it is rejected".to_owned();
            self.find(place, what, Vec::new(), note);
            return;
        }
        let harms = vec![
            Affected::Json.by("its name is rejected"),
            Affected::Sources.by("the name is removed; the bytes are the same"),
        ];
        let remedy = format!(
            "keep it as another name: `#[micro(alias(\"{}\"))]`",
            old.name
        );
        self.find(place, what, harms, remedy);
    }

    /// Reports a new name of a number that keeps an old name.
    pub(super) fn new_alias(&mut self, name: &str, value: &Value, old: &Enum, new: &Enum) {
        if has_other_name(value, old, new) {
            self.add(format!(
                "name `{name}.{}` of {} (old readers of JSON reject it)",
                value.name, value.number
            ));
        }
    }
}

/// Whether the value's number has another name in both enums.
pub(super) fn has_other_name(value: &Value, old: &Enum, new: &Enum) -> bool {
    let mut others = old.values.iter().filter(|own| own.number == value.number);
    others.any(|own| own.name != value.name && has(new, own))
}

fn has(one: &Enum, value: &Value) -> bool {
    let mut values = one.values.iter();
    values.any(|own| own.name == value.name && own.number == value.number)
}
