//! `Layers`: values by key from several sources. Later sources override earlier ones.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::value::FromText;
use crate::error::{Error, Result};

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The built-in default.
    Default,
    /// A file, by its path.
    File(String),
    /// An environment variable, by its name.
    Environment(String),
    /// The program, through the builder.
    Builder,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Builder => f.write_str("builder"),
        }
    }
}

/// Values by key (for example `address` or `limits.max_message_size`) from several sources. The
/// value that is set last wins.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    values: BTreeMap<String, (String, Origin)>,
}

impl Layers {
    /// Creates layers without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value. Replaces the value of an earlier layer.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>, origin: Origin) {
        self.values.insert(key.into(), (value.into(), origin));
    }

    /// Adds every scalar of a TOML document. The keys of nested tables are joined with dots, and
    /// the items of arrays with commas.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the text is not TOML. The message contains line and column.
    pub fn toml(&mut self, text: &str, path: &str) -> Result<()> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Error::invalid_argument(format!("{path} is not TOML: {}", error.message()))
                .with_source(error)
        })?;
        self.table("", &table, path);
        Ok(())
    }

    fn table(&mut self, prefix: &str, table: &toml::Table, path: &str) {
        for (key, value) in table {
            let key = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => self.table(&format!("{key}."), inner, path),
                value => self.set(key, text_of(value), Origin::File(path.to_owned())),
            }
        }
    }

    /// Returns the value of a key and its source, or `None` if no layer has the key.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the text is not a `T`. The message names key, value and source.
    pub fn get<T: FromText>(&self, key: &str) -> Result<Option<(T, Origin)>> {
        let Some((text, origin)) = self.values.get(key) else {
            return Ok(None);
        };
        match T::from_text(text) {
            Some(value) => Ok(Some((value, origin.clone()))),
            None => Err(Error::invalid_argument(format!(
                "setting `{key}` from {origin}: `{}` is not {}",
                text.escape_debug(),
                T::EXPECTED
            ))),
        }
    }

    /// Returns all keys and the sources of their values, sorted by key.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.values
            .iter()
            .map(|(key, (_, origin))| (key.as_str(), origin))
    }
}

fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_layers_win_and_say_so() {
        let mut layers = Layers::new();
        layers
            .toml(
                "address = \"a:1\"\n[limits]\nmax_message_size = 7\n",
                "micro.toml",
            )
            .unwrap();
        layers.set(
            "address",
            "b:2",
            Origin::Environment("MICRO_ADDRESS".into()),
        );
        let (address, origin) = layers.get::<String>("address").unwrap().unwrap();
        assert_eq!(
            (address.as_str(), origin.to_string().as_str()),
            ("b:2", "$MICRO_ADDRESS")
        );
        let (limit, origin) = layers
            .get::<usize>("limits.max_message_size")
            .unwrap()
            .unwrap();
        assert_eq!((limit, origin.to_string().as_str()), (7, "micro.toml"));
        assert!(layers.get::<usize>("absent").unwrap().is_none());
    }

    #[test]
    fn a_wrong_value_names_key_value_and_origin() {
        let mut layers = Layers::new();
        layers.set("drain_timeout", "soon", Origin::File("micro.toml".into()));
        let error = layers
            .get::<std::time::Duration>("drain_timeout")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "setting `drain_timeout` from micro.toml: `soon` is not a duration such as `250ms`, `15s` or \
             `2m`"
        );
    }

    #[test]
    fn lists_may_be_arrays_and_bad_toml_is_an_error() {
        let mut layers = Layers::new();
        layers
            .toml("services = [\"cart\", \"billing\"]", "x.toml")
            .unwrap();
        assert_eq!(
            layers.get::<String>("services").unwrap().unwrap().0,
            "cart,billing"
        );
        assert!(
            layers
                .toml("a = ", "x.toml")
                .unwrap_err()
                .message()
                .starts_with("x.toml is not")
        );
    }
}
