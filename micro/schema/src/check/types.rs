//! The effects of a changed field type on bytes and JSON, by protobuf's wire rules.

use crate::check::finding::{Affected, Harm};
use crate::model::{Field, Kind, Label};

/// The effect of a changed type.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// No effect.
    None,
    /// All readers of bytes accept it. Contains the harms to others and a note.
    Wider(Vec<Harm>, &'static str),
    /// It breaks readers.
    Harmful(Vec<Harm>),
}

impl Change {
    /// The harms of the change.
    pub(super) fn harms(&self) -> &[Harm] {
        match self {
            Self::None => &[],
            Self::Wider(harms, _) | Self::Harmful(harms) => harms,
        }
    }

    /// Combines this change with another change of the same field.
    pub(super) fn and(self, other: Self) -> Self {
        let mut harms = match (self, other) {
            (Self::None, one) | (one, Self::None) => return one,
            (Self::Wider(harms, _) | Self::Harmful(harms), more) => (harms, more),
        };
        for harm in harms.1.harms() {
            if !harms.0.iter().any(|known| known.whom == harm.whom) {
                harms.0.push(*harm);
            }
        }
        Self::Harmful(harms.0)
    }
}

use Affected::{Json, NewCallers, OldCallers, StoredData};

const CUT: &str = "values beyond 32 bits are truncated to their low 32 bits";
const TEXT: &str = "numbers become text, which only protobuf's JSON readers accept";
const NUMBER: &str = "text becomes numbers, which only protobuf's JSON readers accept";
const SIGN: &str = "negative numbers and very large ones are read as other numbers";
const UNREADABLE: &str = "the field is rejected or misread";

/// The effect of a change from one kind to another. The caller handles messages and enums with the
/// same name.
pub(super) fn kind(old: &Kind, new: &Kind) -> Change {
    use Kind::{
        Bool, Bytes, Enum, Fixed32, Fixed64, Int32, Int64, Message, Sfixed32, Sfixed64, Sint32,
        Sint64, String, Uint32, Uint64,
    };
    match (old, new) {
        _ if old == new => Change::None,
        (Int32, Int64) | (Uint32, Int64 | Uint64) | (Sint32, Sint64) => Change::Wider(
            vec![Json.by(TEXT)],
            "the bytes are compatible; a reader that supports only 32 bits truncates larger values, \
             so send these only when all readers are new; if readers other than protobuf's read \
             the JSON, add another field instead",
        ),
        (Int64, Int32 | Uint32) | (Uint64, Uint32) | (Sint64, Sint32) => Change::Harmful(vec![
            OldCallers.by(CUT),
            StoredData.by(CUT),
            Json.by(NUMBER),
        ]),
        (Int32, Uint64) => Change::Harmful(signs(TEXT)),
        (Uint64, Int32) => Change::Harmful(signs(NUMBER)),
        (Int32 | Int64 | Uint32 | Uint64, Int32 | Int64 | Uint32 | Uint64)
        | (Fixed32, Sfixed32)
        | (Sfixed32, Fixed32)
        | (Fixed64, Sfixed64)
        | (Sfixed64, Fixed64) => Change::Harmful(
            [OldCallers, NewCallers, StoredData]
                .map(|whom| whom.by(SIGN))
                .into(),
        ),
        (Int32 | Int64 | Uint32 | Uint64 | Enum(_), Bool) => Change::Harmful(vec![
            OldCallers.by("every number but zero is read as true"),
            StoredData.by("every number but zero is read as true"),
            Json.by("numbers are not read as true or false"),
        ]),
        (Bool, Int32 | Int64 | Uint32 | Uint64 | Enum(_)) => Change::Harmful(vec![
            NewCallers.by("every number but zero is read as true"),
            Json.by("true and false are not read as numbers; the bytes are compatible, as 1 and 0"),
        ]),
        (Enum(_), Int32 | Int64 | Uint32 | Uint64) => Change::Harmful(vec![
            Json.by("value names are not numbers; the bytes are compatible"),
        ]),
        (Int32 | Int64 | Uint32 | Uint64, Enum(_)) => Change::Harmful(vec![
            OldCallers.by("numbers that the enum does not define are rejected"),
            StoredData.by("numbers that the enum does not define are rejected"),
            Json.by("numbers are written as the names of values"),
        ]),
        (Enum(_), Enum(_)) => Change::Harmful(
            [OldCallers, NewCallers, StoredData, Json]
                .map(|whom| whom.by("numbers and names mean other values"))
                .into(),
        ),
        (String, Bytes) => Change::Harmful(vec![
            NewCallers.by("bytes that are not UTF-8 are rejected"),
            Json.by("text is not read as base64; the bytes are compatible"),
        ]),
        (Bytes, String) => Change::Harmful(vec![
            OldCallers.by("bytes that are not UTF-8 are rejected"),
            StoredData.by("bytes that are not UTF-8 are rejected"),
            Json.by("base64 is read as plain text"),
        ]),
        (Bytes, Message(_)) | (Message(_), Bytes) => {
            Change::Harmful(vec![Json.by(
                "base64 is not an object; the bytes are compatible if they encode that message",
            )])
        }
        _ => unreadable(),
    }
}

/// The harm of a change of sign to all readers of bytes, with this harm to readers of JSON.
fn signs(json: &'static str) -> Vec<Harm> {
    let all = [OldCallers, NewCallers, StoredData].map(|whom| whom.by(SIGN));
    all.into_iter().chain([Json.by(json)]).collect()
}

/// The change for types that are incompatible in bytes and in JSON.
pub(super) fn unreadable() -> Change {
    let all = [OldCallers, NewCallers, StoredData, Json];
    Change::Harmful(all.map(|whom| whom.by(UNREADABLE)).into())
}

/// The effect of a changed number of values.
pub(super) fn label(old: &Field, new: &Field) -> Change {
    let list = |field: &Field| matches!(field.label, Label::Repeated);
    let map = |field: &Field| matches!(field.label, Label::Map(_));
    match (presence(old), presence(new)) {
        _ if map(old) != map(new) => unreadable(),
        _ if list(old) && !list(new) => Change::Harmful(vec![
            OldCallers
                .by("only the last of several values is read, and packed numbers are rejected"),
            StoredData
                .by("only the last of several values is read, and packed numbers are rejected"),
            Json.by("a list is not read as one value"),
        ]),
        _ if !list(old) && list(new) => Change::Harmful(vec![
            NewCallers
                .by("only the last of several values is read, and packed numbers are rejected"),
            Json.by("one value is not read as a list"),
        ]),
        // A required field is never omitted. A change of the requirement is a separate finding.
        (false, true) if old.required => Change::None,
        (true, false) if new.required => Change::None,
        (false, true) => Change::Harmful(vec![
            OldCallers.by("zero, which they omit, is read as absent"),
            StoredData.by("zero, which was omitted, is read as absent"),
        ]),
        (true, false) => Change::Harmful(vec![
            OldCallers.by("values that they omit are read as zero"),
            StoredData.by("values that were omitted are read as zero"),
        ]),
        _ => Change::None,
    }
}

/// Whether a field has presence: absent differs from zero. Lists and maps never have it.
fn presence(field: &Field) -> bool {
    match field.label {
        Label::Repeated | Label::Map(_) => false,
        Label::Optional => true,
        Label::Single => field.oneof.is_some() || matches!(field.kind, Kind::Message(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whom(change: Change) -> Vec<Affected> {
        match change {
            Change::None => panic!("nothing changes"),
            Change::Wider(harms, _) | Change::Harmful(harms) => {
                harms.into_iter().map(|harm| harm.whom).collect()
            }
        }
    }

    #[test]
    fn numbers_may_become_wider_and_not_narrower() {
        assert_eq!(whom(kind(&Kind::Int32, &Kind::Int64)), [Json]);
        assert_eq!(whom(kind(&Kind::Sint32, &Kind::Sint64)), [Json]);
        assert_eq!(
            whom(kind(&Kind::Int64, &Kind::Int32)),
            [OldCallers, StoredData, Json]
        );
        let signs = [OldCallers, NewCallers, StoredData];
        assert_eq!(whom(kind(&Kind::Int32, &Kind::Uint32)), signs);
        let all = [OldCallers, NewCallers, StoredData, Json];
        assert_eq!(whom(kind(&Kind::Int32, &Kind::Uint64)), all);
        assert_eq!(whom(kind(&Kind::Fixed64, &Kind::Sfixed64)), signs);
    }

    #[test]
    fn encodings_that_differ_are_unreadable() {
        let all = [OldCallers, NewCallers, StoredData, Json];
        for (old, new) in [
            (Kind::Int32, Kind::Sint32),
            (Kind::Int32, Kind::Fixed32),
            (Kind::Float, Kind::Double),
            (Kind::String, Kind::Int32),
            (Kind::Fixed32, Kind::Float),
            (
                Kind::Message("a.A".to_owned()),
                Kind::Message("a.B".to_owned()),
            ),
        ] {
            assert_eq!(whom(kind(&old, &new)), all, "{old} to {new}");
        }
        assert_eq!(kind(&Kind::Bool, &Kind::Bool), Change::None);
    }
}
