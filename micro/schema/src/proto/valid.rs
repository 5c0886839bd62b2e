//! Finds schemas that protobuf cannot express, before a protobuf compiler does.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Enum, Message, Schema, full};
use micro_message::error::{Error, Result};

/// Checks that names are valid identifiers and that each is defined once.
///
/// # Errors
///
/// `InvalidArgument` for the first invalid name.
pub(super) fn check(schema: &Schema) -> Result<()> {
    let mut symbols = Symbols::default();
    for file in schema.files() {
        let package = &file.package;
        if !package.is_empty() && !package.split('.').all(is_identifier) {
            return Err(no_name(package));
        }
        for message in &file.messages {
            symbols.message(package, message)?;
        }
        for one in &file.enums {
            symbols.enumeration(package, one)?;
        }
        for service in &file.services {
            let scope = symbols.add(package, &service.name)?;
            for method in &service.methods {
                symbols.add(&scope, &method.name)?;
            }
        }
    }
    let packages = schema.files().iter().map(|file| &file.package);
    match packages
        .into_iter()
        .find(|package| symbols.0.contains(*package))
    {
        Some(package) => Err(twice(package)),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Symbols(BTreeSet<String>);

impl Symbols {
    fn add(&mut self, scope: &str, name: &str) -> Result<String> {
        let is_name = is_identifier(name);
        let name = full(scope, name);
        if !is_name {
            return Err(no_name(&name));
        }
        if self.0.insert(name.clone()) {
            Ok(name)
        } else {
            Err(twice(&name))
        }
    }

    fn message(&mut self, scope: &str, message: &Message) -> Result<()> {
        let scope = self.add(scope, &message.name)?;
        let mut json = BTreeMap::new();
        for field in &message.fields {
            self.add(&scope, &field.name)?;
            if let Some(other) = json.insert(&field.json_name, &field.name) {
                return Err(Error::invalid_argument(format!(
                    "`{other}` and `{}` of `{scope}` are both `{}` in JSON; rename one of them",
                    field.name, field.json_name
                )));
            }
        }
        for oneof in message.oneofs() {
            self.add(&scope, oneof)?;
        }
        for inner in &message.messages {
            self.message(&scope, inner)?;
        }
        message
            .enums
            .iter()
            .try_for_each(|inner| self.enumeration(&scope, inner))
    }

    fn enumeration(&mut self, scope: &str, one: &Enum) -> Result<()> {
        self.add(scope, &one.name)?;
        for value in &one.values {
            // The values of an enum are in the scope that contains the enum, not in the enum.
            self.add(scope, &value.name)?;
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

fn no_name(name: &str) -> Error {
    Error::invalid_argument(format!(
        "`{}` is not a valid name in protobuf; set another one with `name = \"…\"` or \
         `package = \"…\"`, made of letters, digits and `_`",
        name.escape_debug()
    ))
}

fn twice(name: &str) -> Error {
    Error::invalid_argument(format!(
        "`{name}` is defined twice; the values of an enum are in the scope that contains the enum; \
         rename one of them with `name = \"…\"`"
    ))
}
