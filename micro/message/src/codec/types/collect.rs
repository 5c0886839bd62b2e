//! `Types`: a collection of the descriptors of messages, enums and services.

use std::any::TypeId;
use std::collections::BTreeMap;

use crate::codec::types::descriptor::{EnumDescriptor, MessageDescriptor, ServiceDescriptor};

/// Collects descriptors of messages, enums and services, each of them once.
#[derive(Debug, Default)]
pub struct Types {
    messages: BTreeMap<String, MessageDescriptor>,
    enums: BTreeMap<String, EnumDescriptor>,
    services: BTreeMap<String, ServiceDescriptor>,
    /// The Rust type of each name. The first type keeps the name.
    owners: BTreeMap<String, (TypeId, &'static str)>,
    conflicts: Vec<Conflict>,
}

/// Two Rust types with the same protobuf name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The full protobuf name, for example `shop.Order`.
    pub name: String,
    /// The Rust type that was added first and keeps the name.
    pub first: &'static str,
    /// The Rust type that was added second.
    pub second: &'static str,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            first,
            second,
        } = self;
        write!(
            f,
            "`{first}` and `{second}` are both named `{name}`; give one of them another name with \
             `#[micro::message(name = \"…\")]` or `package = \"…\"`"
        )
    }
}

impl Types {
    /// Adds the message of the Rust type `T`, unless it was added already. Returns its full name.
    ///
    /// `fill` completes the descriptor. It may add the types of the fields, including `T` itself.
    pub fn message<T: 'static>(
        &mut self,
        package: &str,
        name: &str,
        fill: impl FnOnce(&mut MessageDescriptor, &mut Self),
    ) -> String {
        let full = full_name(package, name);
        if self.own::<T>(&full) {
            let mut message = MessageDescriptor {
                package: package.to_owned(),
                name: name.to_owned(),
                ..MessageDescriptor::default()
            };
            // Nested types look up the names of this message while it is being filled.
            self.messages.insert(full.clone(), message.clone());
            fill(&mut message, self);
            self.messages.insert(full.clone(), message);
        }
        full
    }

    /// Adds the enum of the Rust type `T`, unless it was added already. Returns its full name.
    pub fn enumeration<T: 'static>(
        &mut self,
        package: &str,
        name: &str,
        fill: impl FnOnce(&mut EnumDescriptor),
    ) -> String {
        let full = full_name(package, name);
        if self.own::<T>(&full) {
            let mut descriptor = EnumDescriptor {
                package: package.to_owned(),
                name: name.to_owned(),
                ..EnumDescriptor::default()
            };
            fill(&mut descriptor);
            self.enums.insert(full.clone(), descriptor);
        }
        full
    }

    /// Adds a message without a Rust type, given by its descriptor, under its full name.
    #[doc(hidden)]
    pub fn insert(&mut self, name: String, message: MessageDescriptor) {
        self.messages.insert(name, message);
    }

    /// Package and name of a type nested in the message `outer`, which was added before.
    pub fn within(&self, outer: &str, name: &str) -> (String, String) {
        match self.messages.get(outer) {
            Some(outer) => (outer.package.clone(), format!("{}.{name}", outer.name)),
            None => (outer.to_owned(), name.to_owned()),
        }
    }

    /// Adds a service. If a service of that name exists, its methods are added to it.
    pub fn service(&mut self, service: ServiceDescriptor) {
        let full = full_name(&service.package, &service.name);
        match self.services.get_mut(&full) {
            Some(known) => known.methods.extend(service.methods),
            None => {
                self.services.insert(full, service);
            }
        }
    }

    /// Records the Rust type of a name. Returns whether the name is new.
    fn own<T: 'static>(&mut self, name: &str) -> bool {
        let (id, rust) = (TypeId::of::<T>(), std::any::type_name::<T>());
        let Some(&(owner, first)) = self.owners.get(name) else {
            self.owners.insert(name.to_owned(), (id, rust));
            return true;
        };
        let conflict = Conflict {
            name: name.to_owned(),
            first,
            second: rust,
        };
        if owner != id && !self.conflicts.contains(&conflict) {
            self.conflicts.push(conflict);
        }
        false
    }

    /// Names that more than one Rust type claims.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// All messages, by full name.
    pub fn messages(&self) -> &BTreeMap<String, MessageDescriptor> {
        &self.messages
    }

    /// All enums, by full name.
    pub fn enums(&self) -> &BTreeMap<String, EnumDescriptor> {
        &self.enums
    }

    /// All services, by full name.
    pub fn services(&self) -> &BTreeMap<String, ServiceDescriptor> {
        &self.services
    }
}

/// Returns `package.Name`, or just the name if the package is empty.
pub fn full_name(package: &str, name: &str) -> String {
    if package.is_empty() {
        name.to_owned()
    } else {
        format!("{package}.{name}")
    }
}
