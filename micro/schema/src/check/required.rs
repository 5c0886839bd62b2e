//! Compares requirements: fields and variants without which readers reject a message.
//!
//! `.proto` files do not record requirements, and neither do committed files of earlier versions.
//! Where the old schema may have had the same requirement, nothing is reported.

use crate::check::compare::Comparison;
use crate::check::finding::{Affected, Harm};
use crate::model::{Field, File, Kind, Label, Message, Schema};

const REFUSED: &str = "messages without it are rejected";
const REMEDY: &str = "make it an `Option` or write `#[micro(default)]` until every sender sends it";

impl Comparison<'_> {
    /// Reports files that now record requirements and did not before.
    pub(super) fn noted(&mut self, old: &Schema, new: &Schema) {
        for file in new.files().iter().filter(|file| file.knows_required) {
            let same = |other: &&File| other.name == file.name && !other.knows_required;
            if old.files().iter().any(|other| same(&other)) {
                self.add(format!(
                    "required fields, which `{}` did not record",
                    file.name
                ));
            }
        }
    }

    /// Reports a field that has become required or is no longer required.
    pub(super) fn required(&mut self, message: &str, old: &Field, new: &Field) {
        let place = format!("{message}.{}", old.name);
        match (old.required, new.required) {
            (false, true) if self.was_free(message, old) && !self.is_of_its_message(old, new) => {
                let harms = self.refused(message, REFUSED);
                let what = "it must be sent and was optional before".to_owned();
                self.find(&place, what, harms, REMEDY.to_owned());
            }
            (true, false) if self.new.knows(self.new_name(message)) => self.add(format!(
                "`{place}` may be omitted (old readers reject messages without it)"
            )),
            _ => {}
        }
    }

    /// Reports a new field that is required.
    pub(super) fn new_required(&mut self, message: &str, field: &Field) {
        let harms = self.refused(message, REFUSED);
        let what = format!("the new field with tag {} must be sent", field.tag);
        let place = format!("{message}.{}", field.name);
        self.find(&place, what, harms, REMEDY.to_owned());
    }

    /// The harm of removing a field without which old readers reject a message.
    pub(super) fn missed(&self, message: &str) -> Vec<Harm> {
        let mut harms = vec![Affected::NewCallers.by("an old service rejects messages without it")];
        if self.replied.contains(message) {
            harms.push(Affected::OldCallers.by("they reject responses without it"));
        }
        harms.push(Affected::Json.by("old readers reject messages without it"));
        harms
    }

    /// Reports a message that must now have exactly one of its fields, or no longer must.
    pub(super) fn choice(&mut self, name: &str, old: &Message, new: &Message) {
        match (old.choice, new.choice) {
            (false, true) if self.old.knows(name) => {
                let harms = self.refused(name, "messages with none of its fields are rejected");
                let what = "exactly one of its fields must be set, which is new".to_owned();
                let remedy = "keep the struct and put the variants in a field that is marked \
                              `#[micro(oneof)]`";
                self.find(name, what, harms, remedy.to_owned());
            }
            (true, false) if self.new.knows(self.new_name(name)) => self.add(format!(
                "`{name}` may have none of its fields set (old readers reject that)"
            )),
            _ => {}
        }
    }

    /// Reports a new variant of a message that has exactly one.
    pub(super) fn new_variant(&mut self, message: &str, field: &Field) {
        let how = if self.is_error(message) {
            "old callers get only its kind and message"
        } else {
            "old readers reject it"
        };
        self.add(format!("variant `{message}.{}` ({how})", field.name));
    }

    /// Reports a removed variant of a message that has exactly one.
    pub(super) fn removed_variant(&mut self, message: &str, old: &Field, reserved: bool) {
        let place = format!("{message}.{}", old.name);
        let what = format!("the variant with tag {} is removed", old.tag);
        let refused = if self.is_error(message) {
            "callers get only the kind and message of errors with it"
        } else {
            "messages with it are rejected"
        };
        if reserved {
            let note = format!("its tag is reserved; while it is still sent, {refused}");
            self.find(&place, what, Vec::new(), note);
            return;
        }
        let harms = self.refused(message, refused);
        let remedy = format!(
            "keep it, marked `#[deprecated]`; once no sender uses it, remove it with \
             `reserved({})`",
            old.tag
        );
        self.find(&place, what, harms, remedy);
    }

    /// The harm to all users whose messages new readers reject.
    fn refused(&self, message: &str, how: &'static str) -> Vec<Harm> {
        let mut harms = vec![Affected::OldCallers.by(how)];
        if self.replied.contains(message) {
            harms.push(Affected::NewCallers.by(how));
        }
        harms.extend([Affected::StoredData, Affected::Json].map(|whom| whom.by(how)));
        if self.asked_by_http.contains(message) {
            harms.push(Affected::Http.by(how));
        }
        harms
    }

    /// Whether the field was certainly optional.
    fn was_free(&self, message: &str, old: &Field) -> bool {
        self.old.knows(message) || old.label != Label::Single || old.oneof.is_some()
    }

    /// Whether a field has become required only because its message type has new requirements,
    /// which are a separate finding.
    fn is_of_its_message(&self, old: &Field, new: &Field) -> bool {
        let (Kind::Message(before), Kind::Message(after)) = (&old.kind, &new.kind) else {
            return false;
        };
        let has_requirements = |message: &&Message| {
            message.choice || message.fields.iter().any(|field| field.required)
        };
        self.same_name(before, after)
            && self.old.knows(before)
            && !self.old.messages.get(before).is_some_and(has_requirements)
            && self.new.messages.get(after).is_some_and(has_requirements)
    }

    /// Whether a message is used only for typed errors.
    fn is_error(&self, message: &str) -> bool {
        let mut methods = self.old.services.values().flat_map(|one| &one.methods);
        methods.any(|method| method.error.as_deref() == Some(message))
            && !self.replied.contains(message)
    }
}
