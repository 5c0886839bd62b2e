//! The text of all settings, which `micro::run!` prints when it is asked to.

use std::fmt::Write as _;

use super::{HELP_VARIABLE, KEYS, Settings, shown};
use crate::config::Origin;

/// Whether the environment asks for the settings, with `MICRO_HELP=1`.
#[expect(clippy::disallowed_methods, reason = "here the environment is read")]
pub(crate) fn is_asked_by_environment() -> bool {
    let value = std::env::var(HELP_VARIABLE).unwrap_or_default();
    !matches!(&*value, "" | "0" | "false" | "no" | "off")
}

/// Lists all settings with their variables, their descriptions, and their values with sources.
/// `found` is `None` if the settings are invalid; the defaults are listed then.
pub(crate) fn text(program: &str, version: &str, found: Option<&Settings>) -> String {
    let defaults = Settings::new();
    let settings = found.unwrap_or(&defaults);
    let mut text = format!(
        "{program} {version}\n\nSettings, as environment variables. In micro.toml, \
         MICRO_LIMITS_MAX_STREAMS is `max_streams` in the table [limits].\n"
    );
    for key in KEYS {
        let value = settings.get::<String>(key.name);
        let (value, origin) = value.unwrap_or((key.default.to_owned(), Origin::Default));
        let value = match shown(key, value) {
            value if value.is_empty() => "(empty)".to_owned(),
            value => value,
        };
        // Writing to a `String` cannot fail.
        write!(
            text,
            "\n{}\n    {}\n    {value} ({origin})\n",
            key.variable(),
            key.doc
        )
        .expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_listed_with_value_and_source_but_without_secrets() {
        let mut settings = Settings::new();
        settings.set("ttl", "7s").unwrap();
        settings.set("mdns.secret", "correct horse").unwrap();
        let text = text("shop", "1.2.3", Some(&settings));
        assert!(text.starts_with("shop 1.2.3\n"), "{text}");
        for key in KEYS {
            assert!(text.contains(&format!("\n{}\n", key.variable())), "{text}");
            assert!(text.contains(key.doc), "{text}");
        }
        assert!(text.contains("\n    7s (builder)\n"), "{text}");
        assert!(text.contains("\n    127.0.0.1:0 (default)\n"), "{text}");
        assert!(!text.contains("horse"), "{text}");
    }
}
