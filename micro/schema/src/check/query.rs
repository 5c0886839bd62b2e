//! Compares query parameters, and the texts that fill fields: the check whether a new schema reads
//! what an old one did.

use crate::check::compare::{Comparison, Side};
use crate::model::{Field, Kind, Label, Message, full, known_file};

/// Compares the query parameters of two requests.
pub(super) struct Query<'c, 'a> {
    comparison: &'c Comparison<'a>,
    /// The fields that path and body fill, in the old and in the new request.
    taken: [Vec<String>; 2],
    /// The messages that contain the current field.
    stack: Vec<String>,
    /// Names of parameters that are rejected.
    pub(super) gone: Vec<String>,
    /// Names of parameters whose values are rejected or read differently.
    pub(super) misread: Vec<String>,
}

impl<'c, 'a> Query<'c, 'a> {
    pub(super) fn new(comparison: &'c Comparison<'a>, taken: [Vec<String>; 2]) -> Self {
        Self {
            comparison,
            taken,
            stack: Vec::new(),
            gone: Vec::new(),
            misread: Vec::new(),
        }
    }

    /// Excludes the fields that the bodies fill.
    pub(super) fn take(&mut self, bodies: [&str; 2]) {
        for (taken, body) in self.taken.iter_mut().zip(bodies) {
            taken.push(body.to_owned());
        }
    }

    /// Compares all parameters of two requests.
    pub(super) fn compare(&mut self, requests: [&Message; 2]) {
        self.fields(requests, ["", ""]);
    }

    fn fields(&mut self, [old, new]: [&Message; 2], [prefix, other]: [&str; 2]) {
        for field in &old.fields {
            let name = full(prefix, &field.name);
            let many = !matches!(field.label, Label::Single | Label::Optional);
            let inner = inner(&field.kind);
            if self.taken[0].contains(&name) || inner.is_some() && many {
                continue;
            }
            let (Some(target), Some(_)) = (by(new, &field.name), by(new, &field.json_name)) else {
                let kept = by(new, &field.name).is_some();
                let lost = if kept { &field.json_name } else { &field.name };
                self.gone.push(full(prefix, lost));
                continue;
            };
            let target_name = full(other, &target.name);
            if self.taken[1].contains(&target_name) {
                self.gone.push(name);
            } else if let Some(inner) = inner {
                self.inner(inner, target, [&name, &target_name]);
            } else if !is_read(self.comparison, field, target) {
                self.misread.push(name);
            }
        }
    }

    /// Compares the fields of a message in a field.
    fn inner(&mut self, message: &str, target: &Field, names: [&str; 2]) {
        let comparison = self.comparison;
        let many = !matches!(target.label, Label::Single | Label::Optional);
        match inner(&target.kind).filter(|_| !many) {
            None => self.gone.push(names[0].to_owned()),
            Some(_) if self.stack.iter().any(|name| name == message) => {}
            Some(other) => {
                let found = (
                    comparison.old.messages.get(message),
                    comparison.new.messages.get(other),
                );
                if let (Some(old), Some(new)) = found {
                    self.stack.push(message.to_owned());
                    self.fields([old, new], names);
                    self.stack.pop();
                }
            }
        }
    }
}

/// Finds the field of a dotted name.
pub(super) fn resolve<'a>(side: &Side<'a>, message: &'a Message, path: &str) -> Option<&'a Field> {
    let Some((first, rest)) = path.split_once('.') else {
        return by(message, path);
    };
    let inner = side.messages.get(by(message, first)?.kind.name()?)?;
    resolve(side, inner, rest)
}

/// Finds a field by either of its names.
fn by<'a>(message: &'a Message, name: &str) -> Option<&'a Field> {
    let mut fields = message.fields.iter();
    fields.find(|field| field.name == name || field.json_name == name)
}

/// The message in a field whose own fields are separate parameters.
fn inner(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Message(name) if known_file(name).is_none() => Some(name),
        _ => None,
    }
}

/// Whether a new field accepts the texts of an old field, with the same values.
pub(super) fn is_read(comparison: &Comparison<'_>, old: &Field, new: &Field) -> bool {
    let many = |field: &Field| matches!(field.label, Label::Repeated);
    let key = |field: &Field| match &field.label {
        Label::Map(key) => Some(plain(key)),
        _ => None,
    };
    if many(old) && !many(new) || key(old) != key(new) {
        return false;
    }
    let (before, after) = (plain(&old.kind), plain(&new.kind));
    match (&before, &after) {
        _ if comparison.same_kind(&before, &after) => true,
        (Kind::Bytes | Kind::Message(_), Kind::String) => false,
        (_, Kind::String) => true,
        (_, Kind::Double | Kind::Float) => {
            integer(&before).is_some() || before == Kind::Float || before == Kind::Double
        }
        _ => match (integer(&before), integer(&after)) {
            (Some((least, most)), Some((low, high))) => low <= least && most <= high,
            _ => false,
        },
    }
}

/// The kind without its encoding in bytes, which a text does not show.
fn plain(kind: &Kind) -> Kind {
    match kind {
        Kind::Sint32 | Kind::Sfixed32 => Kind::Int32,
        Kind::Sint64 | Kind::Sfixed64 => Kind::Int64,
        Kind::Fixed32 => Kind::Uint32,
        Kind::Fixed64 => Kind::Uint64,
        Kind::Message(name) => match name.strip_prefix("google.protobuf.") {
            Some(wrapper) => wrapper
                .strip_suffix("Value")
                .and_then(|name| Kind::scalar(&name.to_ascii_lowercase()))
                .unwrap_or_else(|| kind.clone()),
            None => kind.clone(),
        },
        _ => kind.clone(),
    }
}

/// The smallest and the largest value of an integer kind.
fn integer(kind: &Kind) -> Option<(i128, i128)> {
    Some(match kind {
        Kind::Int32 => (i32::MIN.into(), i32::MAX.into()),
        Kind::Int64 => (i64::MIN.into(), i64::MAX.into()),
        Kind::Uint32 => (0, u32::MAX.into()),
        Kind::Uint64 => (0, u64::MAX.into()),
        _ => return None,
    })
}
