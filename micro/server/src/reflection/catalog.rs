//! `Catalog`: descriptor files of a server's routes, indexed by file name and by symbol.

use std::collections::HashMap;

use bytes::Bytes;

use micro_core::handler::Route;
use micro_message::codec::Message;
use micro_message::error::Result;
use micro_schema::descriptor::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use micro_schema::{Described, collect_types};

/// Encoded descriptor files.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Wire names of the services, sorted.
    pub(super) services: Vec<String>,
    files: Vec<Bytes>,
    /// Index into `files`, by file name.
    by_name: HashMap<String, usize>,
    /// Index into `files`, by the symbols that a file defines: services, methods, messages, fields,
    /// enums and values.
    by_symbol: HashMap<String, usize>,
    /// Full names of all messages.
    messages: Vec<String>,
}

impl Catalog {
    /// Creates the descriptor files of the given routes.
    ///
    /// # Errors
    ///
    /// Returns an error when the types of the routes cannot be expressed in protobuf.
    pub(super) fn new(routes: &[&Route]) -> Result<Self> {
        let types = collect_types(routes.iter().map(|route| Described::from(*route)));
        let mut catalog = Self {
            services: types.services().keys().cloned().collect(),
            ..Self::default()
        };
        for file in micro_schema::files(&types)? {
            catalog.add(&file);
        }
        Ok(catalog)
    }

    /// Adds foreign files as they are. A file whose name is known is left out: sets of descriptors
    /// repeat the files that they import.
    ///
    /// # Errors
    ///
    /// Returns an error when a file cannot be decoded.
    pub(super) fn add_encoded(&mut self, files: &[Bytes]) -> Result<()> {
        for encoded in files {
            let file = FileDescriptorProto::decode(encoded, usize::MAX)
                .map_err(|error| error.context("a mounted service's descriptor"))?;
            if !self.by_name.contains_key(&file.name) {
                let services = file.service.iter();
                let services = services.map(|service| full(&file.package, &service.name));
                self.services.extend(services);
                self.index(&file, encoded.clone());
            }
        }
        self.services.sort_unstable();
        self.services.dedup();
        Ok(())
    }

    /// Returns the file with the given name.
    pub(super) fn file(&self, name: &str) -> Option<Bytes> {
        self.by_name
            .get(name)
            .map(|&index| self.files[index].clone())
    }

    /// Returns the file that defines a symbol, by the symbol's full name.
    pub(super) fn file_of(&self, symbol: &str) -> Option<Bytes> {
        let symbol = symbol.strip_prefix('.').unwrap_or(symbol);
        self.by_symbol
            .get(symbol)
            .map(|&index| self.files[index].clone())
    }

    /// Whether a message with the given full name exists.
    pub(super) fn has_message(&self, name: &str) -> bool {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.messages.iter().any(|known| known == name)
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let mut encoded = Vec::new();
        file.encode(&mut encoded);
        self.index(file, encoded.into());
    }

    fn index(&mut self, file: &FileDescriptorProto, encoded: Bytes) {
        self.by_name.insert(file.name.clone(), self.files.len());
        let package = &file.package;
        for service in &file.service {
            let name = full(package, &service.name);
            for method in &service.method {
                self.symbol(full(&name, &method.name));
            }
            self.symbol(name);
        }
        for message in &file.message_type {
            self.message(package, message);
        }
        for enumeration in &file.enum_type {
            self.enumeration(package, enumeration);
        }
        self.files.push(encoded);
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = full(scope, &message.name);
        for field in &message.field {
            self.symbol(full(&name, &field.name));
        }
        for nested in &message.nested_type {
            self.message(&name, nested);
        }
        self.messages.push(name.clone());
        self.symbol(name);
    }

    fn enumeration(&mut self, scope: &str, enumeration: &EnumDescriptorProto) {
        // In protobuf a value is scoped to the parent of its enum.
        for value in &enumeration.value {
            self.symbol(full(scope, &value.name));
        }
        self.symbol(full(scope, &enumeration.name));
    }

    /// Records that the current file defines a symbol.
    fn symbol(&mut self, name: String) {
        self.by_symbol.insert(name, self.files.len());
    }
}

fn full(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}
