//! JSON Schema (2020-12) of messages, by protobuf's JSON mapping.
//!
//! The schemas describe what readers accept, which is more than what writers produce: 64-bit
//! numbers as text or number, enums by name or number. Unknown properties are allowed, because
//! newer senders may add them.

mod known;
mod shape;

use serde_json::{Map, Value, json};

use crate::model::Schema;
use micro_message::error::{Error, Result};

pub(super) use self::shape::Shapes;

/// The JSON Schema dialect.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Schema {
    /// The JSON Schema of a message, given by its full name, as text. The types that it uses are
    /// under `$defs`.
    ///
    /// # Errors
    ///
    /// `NotFound` when the schema does not contain the message.
    pub fn json_schema(&self, message: &str) -> Result<String> {
        let mut shapes = Shapes::new(self, "#/$defs/");
        if !shapes.has(message) {
            let name = message.escape_debug();
            return Err(Error::not_found(format!(
                "no message `{name}` in the schema"
            )));
        }
        let root = shapes.reference(message);
        let definitions = shapes.definitions();
        Ok(text(
            &json!({ "$schema": DIALECT, "$ref": root["$ref"], "$defs": definitions }),
        ))
    }
}

/// Formats JSON for people.
pub(super) fn text(json: &Value) -> String {
    let mut text = format!("{json:#}");
    text.push('\n');
    text
}

/// Adds a doc comment and `deprecated` to a schema.
pub(super) fn about(schema: &mut Map<String, Value>, doc: &str, deprecated: bool) {
    if !doc.is_empty() {
        schema.insert("description".to_owned(), doc.into());
    }
    if deprecated {
        schema.insert("deprecated".to_owned(), true.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::sample;

    fn item() -> Value {
        serde_json::from_str(&sample().json_schema("shop.Item").unwrap()).unwrap()
    }

    #[test]
    fn each_kind_of_field_has_a_schema() {
        let schema = item();
        assert_eq!(schema["$ref"], "#/$defs/shop.Item");
        let item = &schema["$defs"]["shop.Item"];
        let of = |name: &str| &item["properties"][name];
        assert_eq!(of("sku")["type"], "string");
        assert_eq!(of("sku")["description"], "What it is.");
        assert_eq!(of("count")["type"], json!(["integer", "string", "null"]));
        assert_eq!(
            of("perShop")["additionalProperties"]["type"],
            json!(["string", "integer"])
        );
        assert_eq!(of("parts")["items"]["$ref"], "#/$defs/shop.Item");
        assert_eq!(of("madeAt")["format"], "date-time");
        assert_eq!(of("madeAt")["deprecated"], true);
        assert_eq!(of("raw")["contentEncoding"], "base64");
        assert_eq!(of("colour")["$ref"], "#/$defs/shop.Colour");
        let colour = &schema["$defs"]["shop.Colour"]["anyOf"];
        assert_eq!(colour[1]["const"], "COLOUR_RED");
        assert_eq!(colour[2]["type"], "integer");
        assert!(schema["$defs"]["shop.Item.Cash"].is_object(), "{schema:#}");
    }

    #[test]
    fn at_most_one_field_of_a_oneof_is_allowed() {
        let rule = &item()["$defs"]["shop.Item"]["allOf"][0]["oneOf"];
        assert_eq!(rule[0], json!({ "required": ["card"] }));
        assert_eq!(rule[1], json!({ "required": ["cash"] }));
        let none = json!({ "anyOf": [{ "required": ["card"] }, { "required": ["cash"] }] });
        assert_eq!(rule[2]["not"], none);
    }

    #[test]
    fn required_fields_are_required() {
        let mut schema = sample();
        schema.files[0].messages[0].fields[0].required = true;
        schema.files[0].enums[0].values[0].placeholder = true;
        let cash = &mut schema.files[0].messages[0].messages[0];
        cash.choice = true;
        let schema: Value =
            serde_json::from_str(&schema.json_schema("shop.Item").unwrap()).unwrap();
        let defined = &schema["$defs"];
        assert_eq!(defined["shop.Item"]["required"], json!(["sku"]));
        let one = json!([{ "required": ["coins"] }]);
        assert_eq!(defined["shop.Item.Cash"]["oneOf"], one);
        let colour = &defined["shop.Colour"]["anyOf"];
        assert_eq!(
            colour[0]["const"], "COLOUR_RED",
            "readers do not accept the other name"
        );
    }

    #[test]
    fn unknown_messages_are_not_found() {
        let error = sample().json_schema("shop.Nope").unwrap_err();
        assert_eq!(error.message(), "no message `shop.Nope` in the schema");
    }

    #[test]
    fn well_known_messages_have_special_schemas() {
        for (name, known) in [
            ("Empty", json!("object")),
            ("StringValue", json!(["string", "null"])),
            ("ListValue", json!("array")),
        ] {
            let text = sample()
                .json_schema(&format!("google.protobuf.{name}"))
                .unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            let definition = &schema["$defs"][format!("google.protobuf.{name}")];
            assert_eq!(definition["type"], known, "{schema:#}");
        }
    }
}
