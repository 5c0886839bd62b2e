//! Checks a settings file: every key, table and list in it must be a setting, or belong to the
//! program.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, nearest};
use super::problems::Problems;
use super::unknown;
use crate::config::Origin;
use crate::error::{Error, Result};

/// The table that belongs to the program.
const APP: &str = "app";

/// Checks a file. All problems are reported together, with their lines.
pub(super) fn check(text: &str, path: &str) -> Result<()> {
    let table = DeTable::parse(text).map_err(|error| {
        Error::invalid_argument(format!("{path} is not TOML: {}", error.message()))
            .with_source(error)
    })?;
    let mut checker = Checker {
        text,
        path,
        problems: Problems::default(),
    };
    checker.table("", table.get_ref());
    checker.problems.finish("the settings file is invalid")
}

struct Checker<'a> {
    text: &'a str,
    path: &'a str,
    problems: Problems,
}

impl Checker<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let place = self.place(key.span().start);
            let problem = match value.get_ref() {
                DeValue::Table(_) if name == APP => continue,
                DeValue::Table(inner) if is_table(&name) => {
                    self.table(&format!("{name}."), inner);
                    continue;
                }
                value => problem(&name, &place, value),
            };
            if let Some(problem) = problem {
                self.problems.add(problem);
            }
        }
    }

    /// Returns `path:line` of a position in the file.
    fn place(&self, at: usize) -> String {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.path)
    }
}

/// Whether settings have names in this table.
fn is_table(name: &str) -> bool {
    tables().any(|table| table == name)
}

fn tables() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(|key| key.name.rsplit_once('.').map(|(table, _)| table))
}

fn problem(name: &str, place: &str, value: &DeValue<'_>) -> Option<Error> {
    let shown = name.escape_debug();
    let Some(key) = Key::find(name) else {
        return Some(match value {
            DeValue::Table(_) => unknown_table(name, place),
            _ => unknown(name, &Origin::File(place.to_owned())),
        });
    };
    let text = match value {
        DeValue::Table(_) => format!("setting `{shown}` ({place}) is a table; write one value"),
        DeValue::Array(_) if !key.takes_list() => {
            format!("setting `{shown}` ({place}) is a list; write one value")
        }
        DeValue::Array(items) if !items.iter().all(is_text) => {
            format!("setting `{shown}` ({place}) takes a list of text")
        }
        _ => return None,
    };
    Some(Error::invalid_argument(text))
}

fn is_text(item: &Spanned<DeValue<'_>>) -> bool {
    matches!(item.get_ref(), DeValue::String(_))
}

fn unknown_table(name: &str, place: &str) -> Error {
    let hint = match nearest(name, tables()) {
        Some(suggestion) => format!("did you mean `[{suggestion}]`?"),
        None => format!(
            "tables of the program itself are below `[{APP}]`, for example `[{APP}.{}]`",
            name.escape_debug()
        ),
    };
    let name = name.escape_debug();
    Error::invalid_argument(format!("no table `[{name}]` of settings ({place}); {hint}"))
}
