//! `Schema`: all files, and lookups by full name.

use std::collections::BTreeMap;

use crate::model::{Enum, File, Message, Method, Service};
use micro_message::internal::full_name;
use micro_message::internal::{sort_by, sort_by_key};

/// The schema of a program as a value: messages, enums and services with their methods.
///
/// A schema comes from linked services ([`Schema::linked`]), from the routes of an app
/// ([`Schema::of`]), from a committed file ([`Schema::read`]) or from descriptors
/// ([`Schema::from_files`]). It can be written as `.proto` files, JSON Schema, `OpenAPI` or a
/// committed file, and two schemas can be [checked](Schema::check) for compatibility.
///
/// A schema refers to the well-known messages of protobuf, such as `google.protobuf.Timestamp`, but
/// does not contain them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The files, sorted by name.
    pub(crate) files: Vec<File>,
}

impl Schema {
    /// The files, sorted by name.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Whether the schema is empty.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All messages by full name, including nested ones.
    pub fn messages(&self) -> BTreeMap<String, &Message> {
        let mut found = BTreeMap::new();
        for file in &self.files {
            for message in &file.messages {
                add_messages(&file.package, message, &mut found);
            }
        }
        found
    }

    /// All enums by full name, including nested ones.
    pub fn enums(&self) -> BTreeMap<String, &Enum> {
        let mut found = BTreeMap::new();
        for file in &self.files {
            let own = file.enums.iter();
            found.extend(own.map(|one| (full(&file.package, &one.name), one)));
        }
        for (name, message) in self.messages() {
            let own = message.enums.iter();
            found.extend(own.map(|one| (full(&name, &one.name), one)));
        }
        found
    }

    /// All services by full name.
    pub fn services(&self) -> BTreeMap<String, &Service> {
        let mut found = BTreeMap::new();
        for file in &self.files {
            let own = file.services.iter();
            found.extend(own.map(|one| (full(&file.package, &one.name), one)));
        }
        found
    }

    /// The file that defines each full name.
    pub(crate) fn homes(&self) -> BTreeMap<String, &str> {
        let mut homes = BTreeMap::new();
        for file in &self.files {
            let mut messages = BTreeMap::new();
            for message in &file.messages {
                add_messages(&file.package, message, &mut messages);
            }
            let mut add = |name| homes.insert(name, file.name.as_str());
            for (name, message) in messages {
                for one in &message.enums {
                    add(full(&name, &one.name));
                }
                add(name);
            }
            for one in &file.enums {
                add(full(&file.package, &one.name));
            }
        }
        homes
    }

    /// Sorts everything into the order in which it is written.
    pub(crate) fn sort(&mut self) {
        self.files.retain(|file| {
            !(file.messages.is_empty() && file.enums.is_empty() && file.services.is_empty())
        });
        sort_by(&mut self.files, |a, b| a.name.cmp(&b.name));
        for file in &mut self.files {
            sort_types(&mut file.messages, &mut file.enums);
            sort_by(&mut file.services, |a, b| a.name.cmp(&b.name));
            for service in &mut file.services {
                sort_by(&mut service.methods, |a, b| a.name.cmp(&b.name));
            }
        }
    }

    /// The method with this path on the wire, for example `/shop.Cart/Get`.
    pub(crate) fn method_mut(&mut self, path: &str) -> Option<&mut Method> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let mut files = self.files.iter_mut();
        files.find_map(|file| {
            let package = file.package.clone();
            let mut services = file.services.iter_mut();
            let found = services.find(|own| full(&package, &own.name) == service)?;
            found.methods.iter_mut().find(|own| own.name == method)
        })
    }
}

fn add_messages<'a>(scope: &str, message: &'a Message, found: &mut BTreeMap<String, &'a Message>) {
    let name = full(scope, &message.name);
    for inner in &message.messages {
        add_messages(&name, inner, found);
    }
    found.insert(name, message);
}

fn sort_types(messages: &mut [Message], enums: &mut [Enum]) {
    sort_by(messages, |a, b| a.name.cmp(&b.name));
    for message in messages {
        sort_by_key(&mut message.fields, |field| field.tag);
        message.reserved = merged(std::mem::take(&mut message.reserved));
        message.reserved_names.sort();
        sort_types(&mut message.messages, &mut message.enums);
    }
    sort_by(enums, |a, b| a.name.cmp(&b.name));
    for one in enums {
        // The first value is the default, whatever its number.
        if let Some((_, rest)) = one.values.split_first_mut() {
            sort_by_key(rest, |value| value.number);
        }
        one.reserved = merged(std::mem::take(&mut one.reserved));
        one.reserved_names.sort();
    }
}

/// Sorts ranges and joins adjacent ones.
fn merged(mut ranges: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    sort_by(&mut ranges, Ord::cmp);
    let mut all: Vec<(i32, i32)> = Vec::new();
    for (first, last) in ranges {
        match all.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => all.push((first, last)),
        }
    }
    all
}

/// Joins a name and its scope: a package, a message or nothing.
pub(crate) fn full(scope: &str, name: &str) -> String {
    full_name(scope, name)
}

/// The default JSON name of a field.
pub(crate) fn json_name(name: &str) -> String {
    let mut json = String::with_capacity(name.len());
    let mut upper = false;
    for char in name.chars() {
        if char == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            json.push(char.to_ascii_uppercase());
        } else {
            json.push(char);
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_ranges_are_joined() {
        assert_eq!(
            merged(vec![(7, 9), (2, 2), (3, 3), (8, 8)]),
            [(2, 3), (7, 9)]
        );
        assert_eq!(merged(vec![(1, i32::MAX), (5, 6)]), [(1, i32::MAX)]);
    }

    #[test]
    fn json_names_match_protoc() {
        for (name, json) in [("a_b", "aB"), ("_a", "A"), ("a__b1", "aB1"), ("aB", "aB")] {
            assert_eq!(json_name(name), json);
        }
    }
}
