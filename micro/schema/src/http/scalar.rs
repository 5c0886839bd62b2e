//! Converts single values from the text in path and query to JSON.

use micro_message::codec::{FieldType, Kind, Label, Types};

/// The kind of a value that can be written as one text: scalars, enums, and the well-known messages
/// whose JSON form is one value. `None` for other messages.
pub(super) fn kind_of(kind: &Kind) -> Option<Kind> {
    let Kind::Message(name) = kind else {
        return Some(kind.clone());
    };
    match name.strip_prefix("google.protobuf.")? {
        "Timestamp" | "Duration" | "FieldMask" | "StringValue" => Some(Kind::String),
        "BytesValue" => Some(Kind::Bytes),
        "BoolValue" => Some(Kind::Bool),
        "DoubleValue" => Some(Kind::Double),
        "FloatValue" => Some(Kind::Float),
        "Int32Value" => Some(Kind::Int32),
        "Int64Value" => Some(Kind::Int64),
        "UInt32Value" => Some(Kind::Uint32),
        "UInt64Value" => Some(Kind::Uint64),
        _ => None,
    }
}

/// Converts a text to JSON. The error is the expected format. `kind` must come from [`kind_of`].
pub(super) fn json(kind: &Kind, text: &str) -> Result<String, &'static str> {
    let signed = "a whole number";
    let unsigned = "an unsigned whole number";
    let number = |good: bool, expected| {
        if good {
            Ok(quoted(text))
        } else {
            Err(expected)
        }
    };
    match kind {
        Kind::Bool if matches!(text, "true" | "false") => Ok(text.to_owned()),
        Kind::Bool => Err("`true` or `false`"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            number(text.parse::<i32>().is_ok(), "a whole 32-bit number")
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number(text.parse::<i64>().is_ok(), signed),
        Kind::Uint32 | Kind::Fixed32 => {
            number(text.parse::<u32>().is_ok(), "an unsigned 32-bit number")
        }
        Kind::Uint64 | Kind::Fixed64 => number(text.parse::<u64>().is_ok(), unsigned),
        Kind::Double | Kind::Float => {
            let digits = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            let special = matches!(text, "NaN" | "Infinity" | "-Infinity");
            let good = text.bytes().all(digits) && text.parse::<f64>().is_ok_and(f64::is_finite);
            number(special || good, "a number")
        }
        Kind::Enum(_) => Ok(match text.parse::<i32>() {
            Ok(number) => number.to_string(),
            Err(_) => quoted(text),
        }),
        Kind::String | Kind::Bytes | Kind::Message(_) => Ok(quoted(text)),
    }
}

/// The JSON of a field that a message's JSON omits.
pub(super) fn absent(ty: &FieldType, types: &Types) -> String {
    match (&ty.label, &ty.kind) {
        (Label::Repeated, _) => "[]".to_owned(),
        (Label::Map(_), _) => "{}".to_owned(),
        (Label::Optional, _) | (_, Kind::Message(_)) => "null".to_owned(),
        (_, Kind::Bool) => "false".to_owned(),
        (_, Kind::String | Kind::Bytes) => "\"\"".to_owned(),
        (_, Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64) => {
            "\"0\"".to_owned()
        }
        (_, Kind::Enum(name)) => {
            let zero = types
                .enums()
                .get(name)
                .and_then(|found| found.values.first());
            zero.map_or_else(|| "0".to_owned(), |value| quoted(&value.name))
        }
        _ => "0".to_owned(),
    }
}

/// Converts a text to a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_converted_to_json_by_their_kind() {
        let color = Kind::Enum("x.Color".into());
        for (kind, text, expected) in [
            (Kind::Bool, "true", Ok("true")),
            (Kind::Bool, "True", Err("`true` or `false`")),
            (Kind::Bool, "", Err("`true` or `false`")),
            (Kind::Int32, "-7", Ok("\"-7\"")),
            (Kind::Int32, "2147483648", Err("a whole 32-bit number")),
            (
                Kind::Int64,
                "9223372036854775807",
                Ok("\"9223372036854775807\""),
            ),
            (Kind::Int64, "9223372036854775808", Err("a whole number")),
            (Kind::Int64, "1.5", Err("a whole number")),
            (Kind::Int64, "", Err("a whole number")),
            (
                Kind::Uint64,
                "18446744073709551615",
                Ok("\"18446744073709551615\""),
            ),
            (Kind::Uint32, "4294967295", Ok("\"4294967295\"")),
            (
                Kind::Fixed32,
                "4294967296",
                Err("an unsigned 32-bit number"),
            ),
            (Kind::Uint64, "-1", Err("an unsigned whole number")),
            (Kind::Double, "1e-7", Ok("\"1e-7\"")),
            (Kind::Double, "NaN", Ok("\"NaN\"")),
            (Kind::Double, "nan", Err("a number")),
            (Kind::Double, "1e999", Err("a number")),
            (Kind::Double, "0x10", Err("a number")),
            (Kind::String, "a\"\\\n\0é", Ok("\"a\\\"\\\\\\n\\u0000é\"")),
            (Kind::Bytes, "_-8", Ok("\"_-8\"")),
            (color.clone(), "RED", Ok("\"RED\"")),
            (color, "-1", Ok("-1")),
        ] {
            let json = json(&kind, text);
            assert_eq!(json.as_deref(), expected.as_deref(), "{kind:?} {text}");
        }
    }
}
