//! The committed file: a schema as text that version control can compare line by line.
//!
//! The text is JSON with one line for each field, value and method, in an order that does not
//! depend on how the program was built. It contains everything that a [`Schema`] contains.

mod layout;
mod read;
mod write;

use std::path::Path;

use crate::model::Schema;
use micro_message::error::{Error, ErrorKind, Result};

/// The version of the format. A reader accepts this version and all earlier ones.
const FORMAT: u64 = 1;

impl Schema {
    /// Returns the schema as the text of a committed file.
    ///
    /// Equal schemas have equal texts. [`Schema::parse`] converts the text back.
    pub fn text(&self) -> String {
        write::text(self)
    }

    /// Parses the text of a committed file.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming the place, when the text is not a schema or has a later format
    /// version.
    pub fn parse(text: &str) -> Result<Self> {
        read::schema(text)
    }

    /// Reads a committed file.
    ///
    /// # Errors
    ///
    /// `NotFound` when the file does not exist; otherwise as [`Schema::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Internal,
            };
            Error::new(kind, format!("cannot read `{}`", path.display())).with_source(error)
        })?;
        Self::parse(&text).map_err(|error| error.context(format!("`{}`", path.display())))
    }

    /// Writes a committed file. The directory must exist.
    ///
    /// # Errors
    ///
    /// `Internal` when the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), &self.text())
    }
}

/// Writes a file unless it has this content already, so that builds do not see it as modified.
pub(super) fn save(path: &Path, text: &str) -> Result<()> {
    if std::fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    std::fs::write(path, text).map_err(|error| {
        Error::internal(format!("cannot write `{}`", path.display())).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::sample;

    #[test]
    fn a_schema_is_unchanged_after_a_round_trip() {
        let schema = sample();
        let text = schema.text();
        assert_eq!(Schema::parse(&text).unwrap(), schema, "{text}");
        assert_eq!(Schema::parse(&text).unwrap().text(), text);
    }

    #[test]
    fn requirements_are_in_the_text_and_optional_when_parsed() {
        let mut schema = sample();
        let file = &mut schema.files[0];
        file.knows_required = true;
        file.messages[0].fields[0].required = true;
        file.messages[0].messages[0].choice = true;
        file.enums[0].catch_all = true;
        file.enums[0].values[0].placeholder = true;
        let text = schema.text();
        assert_eq!(Schema::parse(&text).unwrap(), schema, "{text}");
        let line = r#""type": "string", "required": true, "doc""#;
        assert!(text.contains(line), "{text}");
        let earlier = Schema::parse(&sample().text()).unwrap();
        assert!(!earlier.files()[0].knows_required);
    }

    #[test]
    fn fields_values_and_methods_have_separate_lines() {
        let text = sample().text();
        for line in [
            r#"{"tag": 1, "name": "sku", "type": "string", "doc": "What it is."},"#,
            r#"{"tag": 3, "name": "prices", "type": "map<string, int64>", "json": "perShop"},"#,
            r#"{"tag": 4, "name": "card", "type": "string", "oneof": "payment"},"#,
            r#""reserved": [9, "20 to 29"],"#,
            r#"{"number": 1, "name": "COLOUR_RED", "deprecated": true}"#,
            r#"{"verb": "POST", "path": "/v1/items", "body": "*"}"#,
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }

    #[test]
    fn invalid_schemas_are_rejected_with_the_place() {
        let good = sample().text();
        for (old, new, expected) in [
            (
                "\"tag\": 1,",
                "\"tag\": \"1\",",
                "messages[0].fields[0]: `tag` is not a 32-bit integer",
            ),
            ("\"format\": 1", "\"format\": 2", "a later version"),
            ("\"format\": 1", "\"form\": 1", "`format`"),
            (
                "map<string, int64>",
                "map<double, int64>",
                "`map<double, int64>`",
            ),
            ("\"name\": \"sku\",", "", "`name` is missing"),
            ("{\n", "[", "cannot be read as JSON"),
        ] {
            let error = Schema::parse(&good.replacen(old, new, 1)).unwrap_err();
            assert!(error.chain().contains(expected), "{}", error.chain());
        }
    }

    #[test]
    fn a_file_is_written_once_and_read_back() {
        let path = std::env::temp_dir().join(format!("micro-schema-{}.json", std::process::id()));
        assert_eq!(Schema::read(&path).unwrap_err().kind(), ErrorKind::NotFound);
        sample().write(&path).unwrap();
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        sample().write(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().modified().unwrap(),
            written
        );
        assert_eq!(Schema::read(&path).unwrap(), sample());
        std::fs::remove_file(&path).unwrap();
    }
}
