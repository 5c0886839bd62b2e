//! What must be sent: fields and variants without which readers refuse a message.
//!
//! `.proto` files do not say it, and neither do committed files of before it was noted: nothing is
//! found where an old schema may have asked for the same.

use crate::check::compare::Comparison;
use crate::check::finding::{Affected, Harm};
use crate::model::{Field, File, Kind, Label, Message, Schema};

const REFUSED: &str = "messages without it are refused";
const REMEDY: &str = "make it an `Option`, or say `#[micro(default)]`, until everybody sends it";

impl Comparison<'_> {
    /// Files that say what must be sent as they did not before.
    pub(super) fn noted(&mut self, old: &Schema, new: &Schema) {
        for file in new.files().iter().filter(|file| file.knows_required) {
            let same = |other: &&File| other.name == file.name && !other.knows_required;
            if old.files().iter().any(|other| same(&other)) {
                self.add(format!(
                    "what must be sent, which `{}` did not say",
                    file.name
                ));
            }
        }
    }

    /// A field that must be sent as it did not have to, or need not be sent any more.
    pub(super) fn required(&mut self, message: &str, old: &Field, new: &Field) {
        let place = format!("{message}.{}", old.name);
        match (old.required, new.required) {
            (false, true) if self.was_free(message, old) && !self.is_of_its_message(old, new) => {
                let harms = self.refused(message, REFUSED);
                let what = "it must be sent, and could be left out".to_owned();
                self.find(&place, what, harms, REMEDY.to_owned());
            }
            (true, false) if self.new.knows(self.new_name(message)) => self.add(format!(
                "`{place}` may be left out (an old reader refuses a message without it)"
            )),
            _ => {}
        }
    }

    /// A new field that must be sent.
    pub(super) fn new_required(&mut self, message: &str, field: &Field) {
        let harms = self.refused(message, REFUSED);
        let what = format!("the new field with tag {} must be sent", field.tag);
        let place = format!("{message}.{}", field.name);
        self.find(&place, what, harms, REMEDY.to_owned());
    }

    /// A field without which old readers refuse a message, and that is not there any more.
    pub(super) fn missed(&self, message: &str) -> Vec<Harm> {
        let mut harms = vec![Affected::NewCallers.by("an old service refuses messages without it")];
        if self.replied.contains(message) {
            harms.push(Affected::OldCallers.by("they refuse replies without it"));
        }
        harms.push(Affected::Json.by("old readers refuse messages without it"));
        harms
    }

    /// A message that must have one of its fields as it did not have to, or need not any more.
    pub(super) fn choice(&mut self, name: &str, old: &Message, new: &Message) {
        match (old.choice, new.choice) {
            (false, true) if self.old.knows(name) => {
                let harms = self.refused(name, "messages with none of its fields are refused");
                let what = "exactly one of its fields must be set, and none had to".to_owned();
                let remedy = "keep the struct, with the variants in a field that is marked \
                              `#[micro(oneof)]`";
                self.find(name, what, harms, remedy.to_owned());
            }
            (true, false) if self.new.knows(self.new_name(name)) => self.add(format!(
                "`{name}` may have none of its fields set (an old reader refuses that)"
            )),
            _ => {}
        }
    }

    /// A new variant of a message that has exactly one.
    pub(super) fn new_variant(&mut self, message: &str, field: &Field) {
        let how = if self.is_error(message) {
            "an old caller knows it by kind and message alone"
        } else {
            "an old reader refuses it"
        };
        self.add(format!("variant `{message}.{}` ({how})", field.name));
    }

    /// A variant that is gone from a message that has exactly one.
    pub(super) fn removed_variant(&mut self, message: &str, old: &Field, reserved: bool) {
        let place = format!("{message}.{}", old.name);
        let what = format!("the variant with tag {} is gone", old.tag);
        let refused = if self.is_error(message) {
            "errors with it are known by kind and message alone"
        } else {
            "messages with it are refused"
        };
        if reserved {
            let note = format!("its tag is reserved; from who still sends it, {refused}");
            self.find(&place, what, Vec::new(), note);
            return;
        }
        let harms = self.refused(message, refused);
        let remedy = format!(
            "keep it, marked `#[deprecated]`; when nobody sends it any more, remove it with \
             `reserved({})`",
            old.tag
        );
        self.find(&place, what, harms, remedy);
    }

    /// Harm to all whose messages a new reader refuses.
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

    /// Whether a field certainly could be left out.
    fn was_free(&self, message: &str, old: &Field) -> bool {
        self.old.knows(message) || old.label != Label::Single || old.oneof.is_some()
    }

    /// Whether a field must be sent because of what its message now asks for, which is a finding
    /// of its own.
    fn is_of_its_message(&self, old: &Field, new: &Field) -> bool {
        let (Kind::Message(before), Kind::Message(after)) = (&old.kind, &new.kind) else {
            return false;
        };
        let asks = |message: &&Message| {
            message.choice || message.fields.iter().any(|field| field.required)
        };
        self.same_name(before, after)
            && self.old.knows(before)
            && !self.old.messages.get(before).is_some_and(asks)
            && self.new.messages.get(after).is_some_and(asks)
    }

    /// Whether a message is nothing but typed errors.
    fn is_error(&self, message: &str) -> bool {
        let mut methods = self.old.services.values().flat_map(|one| &one.methods);
        methods.any(|method| method.error.as_deref() == Some(message))
            && !self.replied.contains(message)
    }
}
