//! `Catalog`: the descriptor files of a server's routes, found by name and by what they define.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::codec::Message;
use crate::error::Result;
use crate::handler::Route;
use crate::schema::descriptor::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use crate::schema::{MethodDescriptor, ServiceDescriptor, Types};

/// Descriptor files, encoded once.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Wire names, sorted.
    pub(super) services: Vec<String>,
    files: Vec<Bytes>,
    /// Index of the file of a name.
    by_name: HashMap<String, usize>,
    /// Index of the file that defines a symbol: a service, method, message, field, enum or value.
    by_symbol: HashMap<String, usize>,
    /// Full names of messages.
    messages: Vec<String>,
}

impl Catalog {
    /// The files of these routes.
    ///
    /// # Errors
    ///
    /// When the types of the routes have no form in protobuf.
    pub(super) fn new(routes: &[&Route]) -> Result<Self> {
        let mut types = Types::default();
        let mut services = BTreeMap::<&str, ServiceDescriptor>::new();
        for route in routes {
            let (package, name) = route.service.wire.rsplit_once('.').unwrap_or_default();
            let service = services.entry(route.service.wire).or_default();
            package.clone_into(&mut service.package);
            let name = if package.is_empty() {
                route.service.wire
            } else {
                name
            };
            name.clone_into(&mut service.name);
            route.service.doc.clone_into(&mut service.doc);
            service.methods.push(method(route, &mut types));
        }
        let mut catalog = Self {
            services: services.keys().map(|&name| name.to_owned()).collect(),
            ..Self::default()
        };
        for service in services.into_values() {
            types.service(service);
        }
        for file in types.files()? {
            catalog.add(&file);
        }
        Ok(catalog)
    }

    /// The file of a name.
    pub(super) fn file(&self, name: &str) -> Option<Bytes> {
        self.by_name
            .get(name)
            .map(|&index| self.files[index].clone())
    }

    /// The file that defines a symbol, given by full name.
    pub(super) fn file_of(&self, symbol: &str) -> Option<Bytes> {
        let symbol = symbol.strip_prefix('.').unwrap_or(symbol);
        self.by_symbol
            .get(symbol)
            .map(|&index| self.files[index].clone())
    }

    /// Whether there is a message of a full name.
    pub(super) fn has_message(&self, name: &str) -> bool {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.messages.iter().any(|known| known == name)
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let mut encoded = Vec::new();
        file.encode(&mut encoded);
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
        self.files.push(encoded.into());
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
        // A value's scope is that of its enum: so protobuf has it.
        for value in &enumeration.value {
            self.symbol(full(scope, &value.name));
        }
        self.symbol(full(scope, &enumeration.name));
    }

    /// Notes that the file that is being added defines a symbol.
    fn symbol(&mut self, name: String) {
        self.by_symbol.insert(name, self.files.len());
    }
}

fn method(route: &Route, types: &mut Types) -> MethodDescriptor {
    let (input, output) = route.describe(types);
    MethodDescriptor {
        name: route.method.name().to_owned(),
        input,
        output,
        client_streaming: route.method.kind.streams_requests(),
        server_streaming: route.method.kind.streams_replies(),
        doc: route.doc.to_owned(),
        idempotent: route.method.idempotent,
    }
}

fn full(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}
