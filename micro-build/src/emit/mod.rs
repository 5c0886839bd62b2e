//! Rust files: one a package, and one that holds all of them in their modules.

mod enumeration;
mod http;
mod message;
mod service;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use protox::prost_reflect::{DescriptorPool, FileDescriptor, Kind};

use crate::config::Config;
use crate::docs::{Comments, is_risky};
use crate::emit::message::is_deprecated;
use crate::emit::text::Text;
use crate::error::Error;
use crate::names::{ident, lower};
use crate::plan::modules;
use crate::refuse;
use crate::source::place;
use crate::types::Types;

/// The name of the file that holds all packages.
const ALL: &str = "micro-build.rs";

/// What writing one file needs to know.
struct Emit<'a> {
    config: &'a Config,
    types: &'a Types,
    comments: Comments,
    /// What is deprecated, and what has such a field or value: its uses are silenced.
    deprecated: &'a BTreeSet<String>,
    /// Whether an `Any` may hold messages.
    any: bool,
    mistakes: Vec<String>,
}

/// Names and texts of the files.
pub(crate) fn files(
    pool: &DescriptorPool,
    config: &Config,
) -> Result<Vec<(String, String)>, Error> {
    let types = Types::of(pool, &config.externs);
    let mut mistakes = refuse::mistakes(pool, |name| types.is_generated(name));
    mistakes.extend(unknown_names(pool, config));
    let mut packages = BTreeMap::<String, Text>::new();
    let deprecated = deprecated(pool);
    let any = pool.get_file_by_name("google/protobuf/any.proto").is_some();
    for file in pool.files().filter(|file| is_generated(file, &types)) {
        let text = packages.entry(file.package_name().to_owned()).or_default();
        let comments = Comments::of(&file);
        let mut emit = Emit {
            config,
            types: &types,
            comments,
            deprecated: &deprecated,
            any,
            mistakes: Vec::new(),
        };
        emit.file(&file, text);
        mistakes.append(&mut emit.mistakes);
    }
    if !mistakes.is_empty() {
        return Err(Error::all(mistakes));
    }
    let mut files: Vec<_> = packages
        .iter()
        .map(|(package, text)| (file_name(package), HEAD.to_owned() + text.as_str()))
        .collect();
    files.push((ALL.to_owned(), all(packages.keys())));
    Ok(files)
}

const HEAD: &str = "// Made by micro-build from .proto files; changes here are lost.\n";

/// `shop.v1.rs`; `_.rs` for what is in no package.
fn file_name(package: &str) -> String {
    let package = if package.is_empty() { "_" } else { package };
    format!("{package}.rs")
}

/// The file that includes all others in modules.
fn all<'a>(packages: impl Iterator<Item = &'a String>) -> String {
    let packages: BTreeMap<Vec<String>, &String> = packages
        .map(|package| (modules(package), package))
        .collect();
    let mut text = Text::default();
    level(&[], &packages, &mut text);
    HEAD.to_owned() + text.as_str()
}

fn level(at: &[String], packages: &BTreeMap<Vec<String>, &String>, text: &mut Text) {
    if let Some(package) = packages.get(at) {
        let file = file_name(package);
        text.line(&format!(
            "include!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));"
        ));
    }
    let below = packages.keys().filter(|path| path.starts_with(at));
    let below: BTreeSet<&String> = below.filter_map(|path| path.get(at.len())).collect();
    for name in below {
        if *name != lower(name) {
            text.line("#[allow(non_snake_case)]");
        }
        text.open(&format!("pub mod {}", ident(name)));
        level(&[at, std::slice::from_ref(name)].concat(), packages, text);
        text.close();
    }
}

/// Names in settings that nothing has.
fn unknown_names(pool: &DescriptorPool, config: &Config) -> Vec<String> {
    let mut names = BTreeSet::from([String::from(".")]);
    for file in pool.files() {
        let parts: Vec<&str> = file.package_name().split('.').collect();
        names.extend((1..=parts.len()).map(|count| parts[..count].join(".")));
        for service in file.services() {
            names.insert(service.full_name().to_owned());
            names.extend(
                service
                    .methods()
                    .map(|method| method.full_name().to_owned()),
            );
        }
    }
    for message in pool.all_messages() {
        names.insert(message.full_name().to_owned());
        names.extend(message.fields().map(|field| field.full_name().to_owned()));
        names.extend(message.oneofs().map(|oneof| oneof.full_name().to_owned()));
    }
    for descriptor in pool.all_enums() {
        names.insert(descriptor.full_name().to_owned());
        names.extend(
            descriptor
                .values()
                .map(|value| value.full_name().to_owned()),
        );
    }
    let attributes = config
        .attributes
        .iter()
        .map(|(name, _)| ("attribute", name));
    let externs = config.externs.iter().map(|(name, _)| ("extern_path", name));
    let unknown = attributes
        .chain(externs)
        .filter(|(_, name)| !names.contains(*name));
    unknown
        .map(|(method, name)| {
            format!("`.{method}({name:?}, …)`: nothing has this name in the .proto files read")
        })
        .collect()
}

fn is_generated(file: &FileDescriptor, types: &Types) -> bool {
    let messages = file.messages().map(|it| it.full_name().to_owned());
    let enums = file.enums().map(|it| it.full_name().to_owned());
    let services = file.services().map(|it| it.full_name().to_owned());
    messages
        .chain(enums)
        .chain(services)
        .any(|name| types.is_generated(&name))
}

/// The messages and enums that are deprecated or have a part that is.
fn deprecated(pool: &DescriptorPool) -> BTreeSet<String> {
    let messages = pool.all_messages().filter(|message| {
        let mut fields = message.fields();
        is_deprecated(&message.options()) || fields.any(|it| is_deprecated(&it.options()))
    });
    let messages = messages.map(|it| it.full_name().to_owned());
    let enums = pool.all_enums().filter(|descriptor| {
        let mut values = descriptor.values();
        is_deprecated(&descriptor.options()) || values.any(|it| is_deprecated(&it.options()))
    });
    messages
        .chain(enums.map(|it| it.full_name().to_owned()))
        .collect()
}

/// The messages and enums that a field holds.
fn used(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Message(entry) if entry.is_map_entry() => used(&entry.map_entry_value_field().kind()),
        Kind::Message(message) => vec![message.full_name().to_owned()],
        Kind::Enum(descriptor) => vec![descriptor.full_name().to_owned()],
        _ => Vec::new(),
    }
}

impl Emit<'_> {
    fn file(&mut self, file: &FileDescriptor, text: &mut Text) {
        let modules = modules(file.package_name());
        for message in file
            .messages()
            .filter(|it| self.types.is_generated(it.full_name()))
        {
            self.message(&message, text);
        }
        for descriptor in file
            .enums()
            .filter(|it| self.types.is_generated(it.full_name()))
        {
            self.enumeration(&descriptor, text);
        }
        for service in file
            .services()
            .filter(|it| self.types.is_generated(it.full_name()))
        {
            self.service(&service, &modules, text);
        }
    }

    /// A doc comment; on items with the lints off that a foreign comment would trip.
    fn docs(&self, path: &[i32], text: &mut Text) {
        for line in self.comments.lines(path) {
            text.line(format!("/// {line}").trim_end());
        }
    }

    /// What stands before an item: without the lints that comments at these paths and deprecated
    /// ones of these names would trip.
    fn lints(&self, paths: &[Vec<i32>], names: &[String], text: &mut Text) {
        // Not every program needs all that a file has.
        let mut lints = vec!["dead_code".to_owned()];
        if paths
            .iter()
            .any(|path| is_risky(&self.comments.lines(path)))
        {
            let of_docs = ["broken_intra_doc_links", "invalid_html_tags", "bare_urls"];
            lints.extend(of_docs.map(|name| format!("rustdoc::{name}")));
        }
        if names.iter().any(|name| self.deprecated.contains(name)) {
            lints.push("deprecated".to_owned());
        }
        text.line(&format!("#[allow({})]", lints.join(", ")));
    }

    /// The attributes that settings add. `nested` ones come from the names of what it lies in.
    fn attributes(&self, name: &str, nested: bool, text: &mut Text) {
        for (wanted, attribute) in &self.config.attributes {
            let within = || wanted == "." || name.starts_with(&format!("{wanted}."));
            if wanted == name || nested && within() {
                text.line(attribute);
            }
        }
    }

    /// Notes a type of protobuf's own that has no Rust type.
    fn check(&mut self, file: &FileDescriptor, path: &[i32], kind: &Kind) {
        let name = match kind {
            Kind::Message(message) => message.full_name().to_owned(),
            Kind::Enum(descriptor) => descriptor.full_name().to_owned(),
            _ => return,
        };
        if self.types.is_unknown(&name) {
            self.mistakes.push(format!(
                "{}: there is no Rust type for `{name}`; give one with `.extern_path({name:?}, \
                 \"…\")`",
                place(file, path)
            ));
        }
    }
}
