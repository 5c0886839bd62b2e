//! Compares the values of enums, matched by number and by name.

use std::collections::BTreeSet;

use crate::check::aliases::has_other_name;
use crate::check::compare::Comparison;
use crate::check::finding::Affected;
use crate::model::{Enum, Value};

impl<'a> Comparison<'a> {
    /// Compares all enums of both schemas.
    pub(super) fn enums(&mut self) {
        let old: Vec<(String, &'a Enum)> = self
            .old
            .enums
            .iter()
            .map(|(name, one)| (name.clone(), *one))
            .collect();
        let before: BTreeSet<String> = self.old.enums.keys().cloned().collect();
        let after: BTreeSet<String> = self.new.enums.keys().cloned().collect();
        self.names("enum", &before, &after);
        for (name, one) in old {
            if let Some(other) = self.new.enums.get(self.new_name(&name)).copied() {
                self.enumeration(&name, one, other);
            }
        }
    }

    fn enumeration(&mut self, name: &str, old: &Enum, new: &Enum) {
        let known = self.old.knows(name) && self.new.knows(self.new_name(name));
        if known && old.catch_all && !new.catch_all {
            self.closed(name);
        }
        // If one side does not record placeholders, a placeholder on the other side is not a
        // change.
        let real = |value: &&Value| !(known && value.placeholder);
        let (before, after) = (&old.values, &new.values);
        for value in before.iter().filter(real) {
            let place = format!("{name}.{}", value.name);
            let mut others = after.iter().filter(real);
            let by_name = others.clone().find(|other| other.name == value.name);
            let by_number = others.find(|other| other.number == value.number);
            match (by_name, by_number) {
                (Some(other), _) if other.number == value.number => {}
                (Some(other), _) => self.renumbered(&place, value, other),
                (None, Some(_)) if has_other_name(value, old, new) => {
                    self.removed_alias(&place, value, new);
                }
                (None, Some(other)) if is_known(old, other) => {
                    self.removed_value(&place, value, new);
                }
                (None, Some(other)) => self.renamed_value(&place, value, other),
                (None, None) => self.removed_value(&place, value, new),
            }
        }
        for value in after.iter().filter(real) {
            let mut olds = before.iter().filter(real);
            if olds.clone().any(|own| own.name == value.name) {
                continue;
            }
            if old.reserved_names.contains(&value.name) {
                self.reused_name(&format!("{name}.{}", value.name));
            }
            if olds.any(|own| own.number == value.number) {
                self.new_alias(name, value, old, new);
            } else if old.reserves(value.number) {
                let how = "an earlier value with this number is read as the new value";
                let harms = [
                    Affected::OldCallers,
                    Affected::NewCallers,
                    Affected::StoredData,
                ];
                let what = format!(
                    "the new value has number {}, which was reserved",
                    value.number
                );
                let remedy = "give it a number that was never used".to_owned();
                let place = format!("{name}.{}", value.name);
                self.find(&place, what, harms.map(|whom| whom.by(how)).into(), remedy);
            } else {
                let note = match (self.old.knows(name), old.catch_all) {
                    (true, true) => "",
                    (true, false) => " (old readers reject it)",
                    (false, _) => {
                        " (old readers reject it unless their enum has an `#[micro(other)]` \
                         variant)"
                    }
                };
                self.add(format!("value `{name}.{}`{note}", value.name));
            }
        }
        self.first_names(name, old, new);
        self.released(name, &old.into(), &new.into());
    }

    /// Reports an enum that no longer accepts unknown numbers.
    fn closed(&mut self, name: &str) {
        let how = "unknown numbers are rejected";
        let harms = [Affected::OldCallers, Affected::StoredData, Affected::Json];
        let what = "it no longer accepts unknown numbers".to_owned();
        let remedy = "keep the variant that is marked `#[micro(other)]`".to_owned();
        self.find(name, what, harms.map(|whom| whom.by(how)).into(), remedy);
    }

    fn renumbered(&mut self, place: &str, old: &Value, new: &Value) {
        let how = "the number means another value";
        let whom = [
            Affected::OldCallers,
            Affected::NewCallers,
            Affected::StoredData,
        ];
        let what = format!("its number was {} and is {}", old.number, new.number);
        let remedy = format!("give the variant its number: `= {}`", old.number);
        self.find(place, what, whom.map(|whom| whom.by(how)).into(), remedy);
    }

    fn renamed_value(&mut self, place: &str, old: &Value, new: &Value) {
        let harms = vec![
            Affected::Json.by("readers do not know the name that the other side writes"),
            Affected::Sources.by("the value has another name; the bytes are the same"),
        ];
        let what = format!("{} is now called `{}`", old.number, new.name);
        let remedy = format!(
            "keep the name on the wire: `#[micro(name = \"{}\")]`",
            old.name
        );
        self.find(place, what, harms, remedy);
    }

    fn removed_value(&mut self, place: &str, old: &Value, new: &Enum) {
        let what = format!("the value {} is removed", old.number);
        if new.reserves(old.number) {
            let note = if new.catch_all {
                "its number is reserved; where it is still sent, it is an unknown number"
            } else {
                "its number is reserved; messages with it are rejected unless the enum has an \
                     `#[micro(other)]` variant"
            };
            self.find(place, what, Vec::new(), note.to_owned());
            return;
        }
        let how = if new.catch_all {
            "it is read as an unknown number"
        } else {
            "messages with it are rejected"
        };
        let harms = vec![
            Affected::OldCallers.by(how),
            Affected::StoredData.by(how),
            Affected::Json.by("its name is rejected"),
        ];
        let remedy = format!(
            "keep it, marked `#[deprecated]`; once no sender uses it, remove it with \
             `reserved({})`",
            old.number
        );
        self.find(place, what, harms, remedy);
    }
}

fn is_known(old: &Enum, value: &Value) -> bool {
    old.values.iter().any(|own| own.name == value.name)
}
