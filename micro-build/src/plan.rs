//! Assigns Rust names to all definitions: a module for each package, and a nested module for the
//! types within a message.

use std::collections::{BTreeMap, BTreeSet};

use protox::prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::names::{Taken, ident, lower, pascal, possible};

/// Type names that the attributes of micro recognize as streams, and that are therefore renamed.
const RESERVED_NAMES: &[&str] = &["Stream", "Streaming"];

/// The Rust path of a type.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The modules that contain it, packages first.
    pub(crate) modules: Vec<String>,
    /// Its name, without `r#` for keywords.
    pub(crate) ident: String,
    /// The module of the types within it; empty if there are none.
    pub(crate) inner: String,
}

/// The Rust names of all definitions.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    places: BTreeMap<String, Place>,
    /// The names in use in each module.
    taken: BTreeMap<Vec<String>, Taken>,
}

impl Plan {
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        let mut plan = Self::default();
        plan.packages(pool);
        // A contract keeps its name, which is used on the wire, and its client is in the same
        // module.
        for service in pool.services() {
            let modules = modules(service.package_name());
            let taken = plan.taken.entry(modules).or_default();
            taken.add(service.name());
            taken.add(&format!("{}Client", service.name()));
        }
        for file in pool.files() {
            let modules = modules(file.package_name());
            let enums = file
                .enums()
                .map(|it| (it.full_name().to_owned(), it.name().to_owned()));
            plan.types(
                &modules,
                file.messages().collect(),
                enums.collect(),
                Vec::new(),
            );
        }
        plan
    }

    /// Reserves the names of the modules of packages in their parent modules.
    fn packages(&mut self, pool: &DescriptorPool) {
        let packages: BTreeSet<String> = pool
            .files()
            .map(|file| file.package_name().to_owned())
            .collect();
        for package in packages {
            let mut path = Vec::new();
            for name in modules(&package) {
                self.taken.entry(path.clone()).or_default().add(&name);
                path.push(name);
            }
        }
    }

    /// Assigns names to the messages, enums and oneofs of one module. Enums and oneofs are given by
    /// full and short name.
    fn types(
        &mut self,
        modules: &[String],
        messages: Vec<MessageDescriptor>,
        enums: Vec<(String, String)>,
        oneofs: Vec<(String, String)>,
    ) {
        let messages: Vec<_> = messages
            .into_iter()
            .filter(|it| !it.is_map_entry())
            .collect();
        let names = messages
            .iter()
            .map(|it| (it.full_name().to_owned(), it.name().to_owned()));
        let names: Vec<_> = names.chain(enums).chain(oneofs).collect();
        for (full, name) in names {
            let taken = self.taken.entry(modules.to_vec()).or_default();
            let mut ident = pascal(&name);
            if RESERVED_NAMES.contains(&ident.as_str()) {
                ident.push('_');
            }
            let ident = taken.free(ident);
            let place = Place {
                modules: modules.to_vec(),
                ident,
                inner: String::new(),
            };
            self.places.insert(full, place);
        }
        for message in messages {
            let taken = self.taken.entry(modules.to_vec()).or_default();
            let inner = if has_inner(&message) {
                taken.free(lower(message.name()))
            } else {
                String::new()
            };
            let within = [modules, std::slice::from_ref(&inner)].concat();
            if let Some(place) = self.places.get_mut(message.full_name()) {
                place.inner = inner;
            }
            let enums = message.child_enums();
            let enums = enums.map(|it| (it.full_name().to_owned(), it.name().to_owned()));
            let oneofs = message.oneofs().filter(|it| !it.is_synthetic());
            let oneofs = oneofs.map(|it| (oneof_key(it.full_name()), it.name().to_owned()));
            let (enums, oneofs) = (enums.collect(), oneofs.collect());
            self.types(&within, message.child_messages().collect(), enums, oneofs);
        }
    }

    /// Returns the path of a message or enum by its full name.
    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.places.get(name)
    }

    /// Returns the path of a oneof by its full name.
    pub(crate) fn oneof(&self, name: &str) -> Option<&Place> {
        self.places.get(&oneof_key(name))
    }

    /// Whether a type in this module shadows a name of Rust's prelude.
    pub(crate) fn hides(&self, modules: &[String], name: &str) -> bool {
        self.taken.get(modules).is_some_and(|taken| taken.has(name))
    }
}

/// Returns the key of a oneof, which may have the same full name as a message.
fn oneof_key(name: &str) -> String {
    format!("{name} (oneof)")
}

fn has_inner(message: &MessageDescriptor) -> bool {
    message.child_messages().any(|it| !it.is_map_entry())
        || message.child_enums().len() > 0
        || message.oneofs().any(|it| !it.is_synthetic())
}

/// Returns the modules of a package.
pub(crate) fn modules(package: &str) -> Vec<String> {
    let names = package.split('.').filter(|name| !name.is_empty());
    names.map(|name| possible(name.to_owned())).collect()
}

impl Place {
    /// Returns the path of the type relative to the module `from`.
    pub(crate) fn path(&self, from: &[String]) -> String {
        let common = from
            .iter()
            .zip(&self.modules)
            .take_while(|(one, two)| one == two)
            .count();
        let up = from[common..].iter().map(|_| "super".to_owned());
        let down = self.modules[common..].iter().map(|name| ident(name));
        let mut parts: Vec<String> = up.chain(down).collect();
        parts.push(ident(&self.ident));
        parts.join("::")
    }

    /// Returns the modules of the types within it.
    pub(crate) fn within(&self) -> Vec<String> {
        [&self.modules[..], std::slice::from_ref(&self.inner)].concat()
    }
}
