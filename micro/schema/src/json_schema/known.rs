//! JSON Schemas of the well-known messages of protobuf.

use serde_json::{Value, json};

use crate::json_schema::shape::{nullable, scalar};
use crate::model::Kind;

/// The schema of a well-known message.
pub(super) fn known(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Any" => json!({
            "type": "object",
            "properties": { "@type": { "type": "string" } },
            "required": ["@type"],
        }),
        "Duration" => json!({
            "type": "string",
            "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$",
            "examples": ["1.5s"],
        }),
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Empty" | "Struct" => json!({ "type": "object" }),
        "FieldMask" => json!({ "type": "string", "examples": ["name,address.street"] }),
        "Value" => json!({}),
        "ListValue" => json!({ "type": "array" }),
        "NullValue" => json!({ "type": "null" }),
        wrapper => nullable(scalar(&wrapped(wrapper)?)),
    })
}

/// The kind of a wrapper message's value.
fn wrapped(name: &str) -> Option<Kind> {
    Kind::scalar(&name.strip_suffix("Value")?.to_ascii_lowercase())
}
