//! Compares the fields of messages, matched by tag and by name.

use std::collections::BTreeSet;

use crate::check::compare::Comparison;
use crate::check::finding::{Affected, Harm};
use crate::check::types::{self, Change};
use crate::model::{Field, Label, Message};

const RENAMED: &str = "readers do not know the name that the other side writes";

impl<'a> Comparison<'a> {
    /// Compares all messages of both schemas.
    pub(super) fn messages(&mut self) {
        let old: Vec<(String, &'a Message)> = self
            .old
            .messages
            .iter()
            .map(|(name, message)| (name.clone(), *message))
            .collect();
        let before: BTreeSet<String> = self.old.messages.keys().cloned().collect();
        let after: BTreeSet<String> = self.new.messages.keys().cloned().collect();
        self.names("message", &before, &after);
        for (name, message) in old {
            if let Some(other) = self.new.messages.get(self.new_name(&name)).copied() {
                self.message(&name, message, other);
            }
        }
    }

    fn message(&mut self, name: &str, old: &Message, new: &Message) {
        for field in &old.fields {
            self.field(name, field, old, new);
        }
        for field in &new.fields {
            let known = |own: &&Field| own.tag == field.tag || own.name == field.name;
            if old.fields.iter().any(|own| known(&own)) {
                continue;
            }
            self.reused_field_name(name, field, old);
            if old.reserves(field.tag) {
                self.reused(name, field);
            } else if field.required {
                self.new_required(name, field);
            } else if old.choice && new.choice {
                self.new_variant(name, field);
            } else {
                self.add(format!("field `{name}.{}`", field.name));
            }
        }
        self.choice(name, old, new);
        self.oneofs(name, old, new);
        self.released(name, &old.into(), &new.into());
    }

    fn field(&mut self, message: &str, field: &Field, old: &Message, new: &Message) {
        let place = format!("{message}.{}", field.name);
        let by_tag = new.fields.iter().find(|other| other.tag == field.tag);
        let by_name = new.fields.iter().find(|other| other.name == field.name);
        match (by_tag, by_name) {
            (Some(other), _) if other.name == field.name => {
                self.same(&place, field, other);
                self.required(message, field, other);
            }
            (_, Some(other)) => {
                self.moved(&place, field, other, by_tag);
                self.required(message, field, other);
            }
            (Some(other), None) if is_known(old, other) => self.replaced(&place, field, other),
            (Some(other), None) => match self.type_change(field, other) {
                Change::Harmful(_) => self.replaced(&place, field, other),
                change => {
                    self.renamed_field(&place, field, other);
                    self.type_finding(&place, field, other, change);
                    self.required(message, field, other);
                }
            },
            (None, None) if old.choice => {
                self.removed_variant(message, field, new.reserves(field.tag));
            }
            (None, None) => self.removed(message, field, new),
        }
    }

    /// Compares two fields with the same tag and name.
    fn same(&mut self, place: &str, old: &Field, new: &Field) {
        let change = self.type_change(old, new);
        self.type_finding(place, old, new, change);
        if old.json_name != new.json_name {
            let harm = Affected::Json.by(RENAMED);
            let what = format!(
                "its JSON name was `{}` and is `{}`",
                old.json_name, new.json_name
            );
            let remedy = format!("keep `{}` in JSON; the bytes are the same", old.json_name);
            self.find(place, what, vec![harm], remedy);
        }
    }

    fn type_change(&self, old: &Field, new: &Field) -> Change {
        let kind = |old, new| {
            if self.same_kind(old, new) {
                Change::None
            } else {
                types::kind(old, new)
            }
        };
        if let (Label::Map(key), Label::Map(new_key)) = (&old.label, &new.label)
            && key != new_key
        {
            return types::unreadable();
        }
        kind(&old.kind, &new.kind).and(types::label(old, new))
    }

    fn type_finding(&mut self, place: &str, old: &Field, new: &Field, change: Change) {
        let written = |field: &Field| field.label.with(&field.kind);
        let what = format!(
            "tag {} was `{}` and is `{}`",
            old.tag,
            written(old),
            written(new)
        );
        match change {
            Change::None => {}
            Change::Wider(harms, note) => self.find(place, what, harms, note.to_owned()),
            Change::Harmful(harms) => {
                let remedy = format!(
                    "keep tag {tag} as it was and give the new field its own name and tag; once no \
                     sender uses the old field, remove it with `reserved({tag})`",
                    tag = old.tag
                );
                self.find(place, what, harms, remedy);
            }
        }
    }

    fn renamed_field(&mut self, place: &str, old: &Field, new: &Field) {
        let harms = vec![
            Affected::Json.by(RENAMED),
            Affected::Sources.by("the field has another name; the bytes are the same"),
        ];
        let remedy = format!(
            "keep the name on the wire; the Rust field may have any name: \
             `#[micro(name = \"{}\")]`",
            old.name
        );
        let what = format!("tag {} is now called `{}`", old.tag, new.name);
        self.find(place, what, harms, remedy);
    }

    /// Reports a field whose name now has another tag.
    fn moved(&mut self, place: &str, old: &Field, new: &Field, at_tag: Option<&Field>) {
        let mut harms = match at_tag {
            Some(_) => binary("another field is read in its place"),
            None => binary("the field is read as absent"),
        };
        harms.extend(self.json_of_moved(old, new));
        let taken = at_tag.map(|other| format!(", and tag {} is `{}`", old.tag, other.name));
        let what = format!(
            "its tag was {} and is {}{}",
            old.tag,
            new.tag,
            taken.unwrap_or_default()
        );
        let remedy = format!(
            "write `#[micro(tag = {})]`; without tags the order of the fields sets their tags, so add \
             new fields at the end",
            old.tag
        );
        self.find(place, what, harms, remedy);
    }

    /// The effect of a moved field on JSON, which does not contain tags.
    fn json_of_moved(&self, old: &Field, new: &Field) -> Option<Harm> {
        if old.json_name != new.json_name {
            return Some(Affected::Json.by(RENAMED));
        }
        let change = self.type_change(old, new);
        let mut harms = change.harms().iter();
        harms.find(|harm| harm.whom == Affected::Json).copied()
    }

    /// Reports a removed field whose tag another field uses.
    fn replaced(&mut self, place: &str, old: &Field, new: &Field) {
        let mut harms = binary("values of the old field are read as the new field");
        harms.push(Affected::Json.by("the field is neither read nor sent"));
        let what = format!(
            "the field is removed and its tag {} is reused by `{}`",
            old.tag, new.name
        );
        let remedy = format!(
            "write `reserved({})` and give `{}` a new tag",
            old.tag, new.name
        );
        self.find(place, what, harms, remedy);
    }

    fn removed(&mut self, message: &str, old: &Field, new: &Message) {
        let place = &format!("{message}.{}", old.name);
        if new.reserves(old.tag) && old.required {
            let remedy = "keep it while old readers exist";
            let what = format!(
                "the field with tag {}, which is required, is removed",
                old.tag
            );
            let harms = self.missed(message);
            self.find(place, what, harms, remedy.to_owned());
            return;
        }
        if new.reserves(old.tag) {
            let remedy = "its tag is reserved; values that are still sent are ignored".to_owned();
            self.find(
                place,
                format!("the field with tag {} is removed", old.tag),
                Vec::new(),
                remedy,
            );
            return;
        }
        let mut harms = vec![
            Affected::OldCallers
                .by("values they send in it are ignored, and values they expect are not sent"),
            Affected::NewCallers.by("values that an old service sends in it are ignored"),
            Affected::StoredData
                .by("the value is lost, and misread once another field has its tag"),
        ];
        if old.required {
            let missed = self.missed(message);
            harms.retain(|harm| missed.iter().all(|other| other.whom != harm.whom));
            harms.extend(missed);
        }
        let remedy = format!(
            "keep it, marked `#[deprecated]`, until nothing uses it; then write `reserved({})`, so \
             that no later field gets its tag",
            old.tag
        );
        self.find(
            place,
            format!("the field with tag {} is removed", old.tag),
            harms,
            remedy,
        );
    }

    /// Reports a new field whose tag was reserved in the old schema.
    fn reused(&mut self, message: &str, field: &Field) {
        let harms = binary("values of an earlier field with this tag are read as the new field");
        let what = format!("the new field has tag {}, which was reserved", field.tag);
        let remedy = "give it a tag that was never used".to_owned();
        self.find(&format!("{message}.{}", field.name), what, harms, remedy);
    }
}

/// The harm of a change that affects all readers of bytes.
fn binary(how: &'static str) -> Vec<Harm> {
    let all = [
        Affected::OldCallers,
        Affected::NewCallers,
        Affected::StoredData,
    ];
    all.map(|whom| whom.by(how)).into()
}

/// Whether the old message contains a field of this name, with any tag.
fn is_known(old: &Message, field: &Field) -> bool {
    old.fields.iter().any(|own| own.name == field.name)
}
