//! Finds schemas that protobuf cannot express, before a protobuf compiler does.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::entry_name;
use crate::model::{Enum, Label, Message, Schema, full};
use micro_message::error::{Error, Result};

/// Checks that names are valid identifiers and that each is defined once.
///
/// # Errors
///
/// `InvalidArgument` for the first invalid name.
pub(super) fn check(schema: &Schema) -> Result<()> {
    match problems(schema).into_iter().next() {
        Some(problem) => Err(Error::invalid_argument(problem.text)),
        None => Ok(()),
    }
}

/// A name that protobuf does not allow.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The name, the reason and the remedy.
    pub(crate) text: String,
    /// Full names of the messages, enums and services that define the name.
    pub(crate) definitions: Vec<String>,
}

/// Returns all names that are not valid identifiers or that are defined twice. A client cannot load
/// descriptors with such names.
pub(crate) fn problems(schema: &Schema) -> Vec<Problem> {
    let mut symbols = Symbols::default();
    for file in schema.files() {
        let package = &file.package;
        for message in &file.messages {
            symbols.message(package, message);
        }
        for one in &file.enums {
            symbols.enumeration(package, one);
        }
        for service in &file.services {
            let scope = full(package, &service.name);
            symbols.add(package, &service.name, &scope);
            for method in &service.methods {
                symbols.add(&scope, &method.name, &scope);
            }
        }
    }
    symbols.packages(schema);
    symbols.problems
}

#[derive(Default)]
struct Symbols {
    /// The definition that contains each symbol, by full names.
    definitions: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Symbols {
    /// Adds a symbol that `definition` contains.
    fn add(&mut self, scope: &str, name: &str, definition: &str) {
        let is_name = is_identifier(name);
        let name = full(scope, name);
        if !is_name {
            return self.problem(no_name(&name), &[definition]);
        }
        let earlier = self.definitions.get(&name).cloned();
        match earlier {
            Some(earlier) => {
                self.problem(twice(&name, &earlier, definition), &[&earlier, definition]);
            }
            None => {
                self.definitions.insert(name, definition.to_owned());
            }
        }
    }

    fn problem(&mut self, text: String, definitions: &[&str]) {
        let definitions = definitions.iter().map(|&name| name.to_owned());
        self.problems.push(Problem {
            text,
            definitions: definitions.collect(),
        });
    }

    fn message(&mut self, scope: &str, message: &Message) {
        let name = full(scope, &message.name);
        self.add(scope, &message.name, &name);
        let mut json = BTreeMap::new();
        for field in &message.fields {
            self.add(&name, &field.name, &name);
            if let Label::Map(_) = field.label {
                self.add(&name, &entry_name(&field.name), &name);
            }
            if let Some(other) = json.insert(&field.json_name, &field.name) {
                let text = format!(
                    "`{other}` and `{}` of `{name}` are both `{}` in JSON; rename one of them",
                    field.name, field.json_name
                );
                self.problem(text, &[&name]);
            }
        }
        for oneof in message.oneofs() {
            self.add(&name, oneof, &name);
        }
        for inner in &message.messages {
            self.message(&name, inner);
        }
        for inner in &message.enums {
            self.enumeration(&name, inner);
        }
    }

    fn enumeration(&mut self, scope: &str, one: &Enum) {
        let name = full(scope, &one.name);
        self.add(scope, &one.name, &name);
        let mut short = BTreeMap::new();
        for value in &one.values {
            // The values of an enum are in the scope that contains the enum, not in the enum.
            self.add(scope, &value.name, &name);
            // Compilers of some languages remove the enum's name from its values. They refuse two
            // values that are the same then, unless both have the same number.
            let other = *short
                .entry(compared_name(&one.name, &value.name))
                .or_insert(value);
            if other.name != value.name && other.number != value.number {
                let text = format!(
                    "`{}` and `{}` of `{name}` are the same name in protobuf, which removes the \
                     enum's name and ignores case; rename one of them with `name = \"…\"`",
                    other.name, value.name
                );
                self.problem(text, &[&name]);
            }
        }
    }

    /// Checks the names of packages. Each part of a package's name is a symbol.
    fn packages(&mut self, schema: &Schema) {
        let packages: BTreeSet<&str> = schema
            .files()
            .iter()
            .flat_map(|file| prefixes(&file.package))
            .collect();
        for package in packages {
            let last = package.rsplit('.').next().unwrap_or(package);
            if !is_identifier(last) {
                let within = |name: &str| {
                    let rest = name.strip_prefix(package);
                    rest.is_some_and(|rest| rest.starts_with('.'))
                };
                let definitions = self.definitions.values();
                let first = definitions.into_iter().find(|name| within(name)).cloned();
                self.problem(no_name(package), &[first.as_deref().unwrap_or(package)]);
            } else if let Some(definition) = self.definitions.get(package).cloned() {
                let text = format!(
                    "`{package}` is the name of a package, and `{definition}` defines the same \
                     name; set another one with `name = \"…\"` or `package = \"…\"`"
                );
                self.problem(text, &[&definition]);
            }
        }
    }
}

/// Returns `a`, `a.b` and `a.b.c` for `a.b.c`.
fn prefixes(package: &str) -> impl Iterator<Item = &str> {
    let dots = package.match_indices('.').map(|(at, _)| at);
    let ends = dots.chain(Some(package.len()).filter(|end| *end > 0));
    ends.map(|end| &package[..end])
}

/// The name by which protobuf's compiler compares the values of an enum: in Pascal case, without the
/// name of the enum.
fn compared_name(enumeration: &str, value: &str) -> String {
    let mut pascal = String::new();
    let mut upper = true;
    for char in without_prefix(enumeration, value).chars() {
        if char == '_' {
            upper = true;
        } else {
            pascal.push(if upper {
                char.to_ascii_uppercase()
            } else {
                char.to_ascii_lowercase()
            });
            upper = false;
        }
    }
    pascal
}

/// Removes the name of an enum from the name of a value, ignoring case and underscores.
fn without_prefix<'a>(enumeration: &str, value: &'a str) -> &'a str {
    let mut rest = value;
    for wanted in enumeration.chars().filter(|char| *char != '_') {
        rest = rest.trim_start_matches('_');
        let mut chars = rest.chars();
        match chars.next() {
            Some(found) if found.eq_ignore_ascii_case(&wanted) => rest = chars.as_str(),
            _ => return value,
        }
    }
    let rest = rest.trim_start_matches('_');
    if rest.is_empty() { value } else { rest }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

fn no_name(name: &str) -> String {
    format!(
        "`{}` is not a valid name in protobuf; set another one with `name = \"…\"` or \
         `package = \"…\"`, made of letters, digits and `_`",
        name.escape_debug()
    )
}

fn twice(name: &str, first: &str, second: &str) -> String {
    let places = if first == second {
        format!("by `{first}`")
    } else {
        format!("by `{first}` and by `{second}`")
    };
    format!(
        "`{name}` is defined twice, {places}; the values of an enum are in the scope that contains \
         the enum; rename one of them with `name = \"…\"`"
    )
}
