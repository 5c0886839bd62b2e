//! The committed file: a schema as text that a version control can compare line by line.
//!
//! JSON with one line for each field, value and method, in an order that does not depend on how
//! the program was built. It holds all that a [`Schema`] holds.

mod layout;
mod read;
mod write;

use std::path::Path;

use crate::model::Schema;
use micro_message::error::{Error, ErrorKind, Result};

/// The version of the form. A reader takes this one and all before it.
const FORMAT: u64 = 1;

impl Schema {
    /// The schema as the text of a committed file.
    ///
    /// The same schema always gives the same text; [`Schema::parse`] gives the schema back.
    pub fn text(&self) -> String {
        write::text(self)
    }

    /// Reads the text of a committed file.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming the place, when it is no such text, or one of a later version.
    pub fn parse(text: &str) -> Result<Self> {
        read::schema(text)
    }

    /// Reads a committed file.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none; otherwise as [`Schema::parse`].
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

    /// Writes a committed file; the directory must exist.
    ///
    /// # Errors
    ///
    /// `Internal` when it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), &self.text())
    }
}

/// Writes a file unless it says just that already, so that no build takes it for new.
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
    fn a_schema_survives_its_text() {
        let schema = sample();
        let text = schema.text();
        assert_eq!(Schema::parse(&text).unwrap(), schema, "{text}");
        assert_eq!(Schema::parse(&text).unwrap().text(), text);
    }

    #[test]
    fn what_must_be_sent_is_in_the_text_and_may_be_missing() {
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
    fn fields_values_and_methods_have_lines_of_their_own() {
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
    fn what_is_no_schema_is_refused_with_its_place() {
        let good = sample().text();
        for (old, new, expected) in [
            (
                "\"tag\": 1,",
                "\"tag\": \"1\",",
                "messages[0].fields[0]: `tag` is no number",
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
