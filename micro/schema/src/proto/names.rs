//! References to messages, as short as protobuf's scoping rules allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Kind, Schema, full, known_file};
use micro_message::error::{Error, Result};

/// Keywords that cannot begin a type where a field is expected.
const KEYWORDS: [&str; 15] = [
    "enum",
    "extend",
    "extensions",
    "group",
    "import",
    "map",
    "message",
    "oneof",
    "option",
    "optional",
    "package",
    "repeated",
    "required",
    "reserved",
    "stream",
];

/// All names of a schema.
pub(super) struct Names<'a> {
    /// The file of each message and enum.
    homes: BTreeMap<String, &'a str>,
    /// The names that the first part of a reference can resolve to: packages, messages, enums,
    /// services and methods.
    scopes: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        let homes = schema.homes();
        let mut scopes: BTreeSet<String> = homes.keys().cloned().collect();
        for (name, service) in schema.services() {
            // The methods of a service are in scope where the messages of its methods are named.
            let methods = service.methods.iter();
            scopes.extend(methods.map(|method| full(&name, &method.name)));
            scopes.insert(name);
        }
        scopes.extend(["google".to_owned(), "google.protobuf".to_owned()]);
        for file in schema.files() {
            let package = &file.package;
            let ends = package.match_indices('.').map(|(at, _)| at);
            let ends = ends.chain([package.len()]);
            scopes.extend(ends.map(|end| package[..end].to_owned()));
        }
        Self { homes, scopes }
    }

    /// The file that defines a message or enum.
    pub(super) fn file(&self, name: &str) -> Result<&str> {
        let home = self.homes.get(name).copied().or_else(|| known_file(name));
        home.ok_or_else(|| {
            let name = name.escape_debug();
            Error::invalid_argument(format!("`{name}` is used, but not defined in the schema"))
        })
    }

    /// The shortest reference to a message or enum from a scope: a message or a package.
    pub(super) fn reference(&self, target: &str, scope: &str, package: &str) -> String {
        let inner = target
            .strip_prefix(package)
            .and_then(|rest| rest.strip_prefix('.'));
        let innermost = target
            .strip_prefix(scope)
            .and_then(|rest| rest.strip_prefix('.'));
        let candidates = [innermost, inner, Some(target)];
        let mut fitting = candidates.into_iter().flatten();
        match fitting.find(|name| self.finds(name, scope).as_deref() == Some(target)) {
            Some(name) => name.to_owned(),
            None => format!(".{target}"),
        }
    }

    /// Resolves a name within a scope: the innermost scope that contains its first part wins.
    fn finds(&self, name: &str, scope: &str) -> Option<String> {
        let first = name.split('.').next().unwrap_or(name);
        if KEYWORDS.contains(&first) || Kind::scalar(first).is_some() {
            return None;
        }
        let mut scope = scope;
        loop {
            if self.scopes.contains(&full(scope, first)) {
                return Some(full(scope, name));
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }
}
