//! The values of an enum, matched by number and by name.

use std::collections::BTreeSet;

use crate::schema::check::compare::Comparison;
use crate::schema::check::finding::Affected;
use crate::schema::model::{Enum, Value};

impl<'a> Comparison<'a> {
    /// All enums of both schemas.
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
        for value in &old.values {
            let place = format!("{name}.{}", value.name);
            let by_name = new.values.iter().find(|other| other.name == value.name);
            let by_number = new.values.iter().find(|other| other.number == value.number);
            match (by_name, by_number) {
                (Some(other), _) if other.number == value.number => {}
                (Some(other), _) => self.renumbered(&place, value, other),
                (None, Some(other)) if is_known(old, other) => {
                    self.removed_value(&place, value, new);
                }
                (None, Some(other)) => self.renamed_value(&place, value, other),
                (None, None) => self.removed_value(&place, value, new),
            }
        }
        for value in &new.values {
            let known = |own: &Value| own.name == value.name || own.number == value.number;
            if old.values.iter().any(known) {
                continue;
            }
            if old.reserves(value.number) {
                let how = "an earlier value of that number is read as this one";
                let harms = [
                    Affected::OldCallers,
                    Affected::NewCallers,
                    Affected::StoredData,
                ];
                let what = format!(
                    "the new value has number {}, which was reserved",
                    value.number
                );
                let remedy = "give it a number that no value ever had".to_owned();
                let place = format!("{name}.{}", value.name);
                self.find(&place, what, harms.map(|whom| whom.by(how)).into(), remedy);
            } else {
                self.add(format!(
                    "value `{name}.{}` (an old reader refuses it unless its enum has an \
                     `#[micro(other)]` variant)",
                    value.name
                ));
            }
        }
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
            Affected::Json.by("the old name is not read, and the new one not known"),
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
        let what = format!("the value {} is gone", old.number);
        if new.reserves(old.number) {
            let note = "its number is reserved; who still sends it is refused unless the enum has \
                        an `#[micro(other)]` variant";
            self.find(place, what, Vec::new(), note.to_owned());
            return;
        }
        let harms = vec![
            Affected::OldCallers.by("messages with it are refused"),
            Affected::StoredData.by("messages with it are refused"),
            Affected::Json.by("its name is refused"),
        ];
        let remedy = format!(
            "keep it, marked `#[deprecated]`; when nobody sends it any more, remove it with \
             `reserved({})`",
            old.number
        );
        self.find(place, what, harms, remedy);
    }
}

fn is_known(old: &Enum, value: &Value) -> bool {
    old.values.iter().any(|own| own.name == value.name)
}
