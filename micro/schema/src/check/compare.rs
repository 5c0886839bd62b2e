//! The state of a comparison: both schemas by name, the renamed types, and the findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::finding::{Affected, Finding, Harm};
use crate::model::{Enum, Kind, Message, Method, Schema, Service, full};
use micro_message::internal::sort_by;

/// One of the two schemas, by full names.
pub(super) struct Side<'a> {
    pub(super) messages: BTreeMap<String, &'a Message>,
    pub(super) enums: BTreeMap<String, &'a Enum>,
    pub(super) services: BTreeMap<String, &'a Service>,
    /// The file of each message, enum and service.
    homes: BTreeMap<String, &'a str>,
    /// The files that record which fields are required.
    knowing: BTreeSet<&'a str>,
}

impl<'a> Side<'a> {
    fn new(schema: &'a Schema) -> Self {
        let mut homes = schema.homes();
        for file in schema.files() {
            let own = file
                .services
                .iter()
                .map(|service| full(&file.package, &service.name));
            homes.extend(own.map(|name| (name, file.name.as_str())));
        }
        let knowing = schema.files().iter().filter(|file| file.knows_required);
        Self {
            knowing: knowing.map(|file| file.name.as_str()).collect(),
            messages: schema.messages(),
            enums: schema.enums(),
            services: schema.services(),
            homes,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.messages.contains_key(name) || self.enums.contains_key(name)
    }

    /// Whether the schema records which parts of this message or enum are required.
    pub(super) fn knows(&self, name: &str) -> bool {
        let home = self.homes.get(name);
        home.is_some_and(|home| self.knowing.contains(home))
    }

    /// The messages that `own` selects from the methods, and all types that they contain.
    fn held(&self, own: fn(&Method) -> Option<&str>) -> BTreeSet<String> {
        let methods = self.services.values().flat_map(|service| &service.methods);
        let mut open: Vec<&str> = methods.filter_map(own).collect();
        let mut found = BTreeSet::new();
        while let Some(name) = open.pop() {
            if found.insert(name.to_owned())
                && let Some(message) = self.messages.get(name)
            {
                open.extend(message.fields.iter().filter_map(|field| field.kind.name()));
            }
        }
        found
    }

    /// The names that fields and methods use.
    fn used(&self) -> BTreeSet<&str> {
        let fields = self.messages.values().flat_map(|message| &message.fields);
        let methods = self.services.values().flat_map(|service| &service.methods);
        let names = methods.flat_map(|method| {
            [&method.request, &method.reply]
                .into_iter()
                .chain(&method.error)
                .map(String::as_str)
        });
        fields
            .filter_map(|field| field.kind.name())
            .chain(names)
            .collect()
    }
}

/// An old and a new schema, and the findings so far.
pub(super) struct Comparison<'a> {
    pub(super) old: Side<'a>,
    pub(super) new: Side<'a>,
    /// New names of renamed messages and enums, by their old names.
    renamed: BTreeMap<&'a str, &'a str>,
    /// Messages in the responses of old services, by their old names.
    pub(super) replied: BTreeSet<String>,
    /// Messages in the requests that old services accept by plain HTTP, by their old names.
    pub(super) asked_by_http: BTreeSet<String>,
    findings: Vec<Finding>,
    additions: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(old: &'a Schema, new: &'a Schema) -> Self {
        let old = Side::new(old);
        let mut comparison = Self {
            replied: old.held(|method| Some(&method.reply)),
            asked_by_http: old.held(|method| {
                let first = method.http.first();
                first.map(|_| method.request.as_str())
            }),
            old,
            new: Side::new(new),
            renamed: BTreeMap::new(),
            findings: Vec::new(),
            additions: Vec::new(),
        };
        comparison.find_renamed();
        comparison
    }

    pub(super) fn finish(mut self) -> (Vec<Finding>, Vec<String>) {
        sort_by(&mut self.findings, |a, b| {
            let key = |finding: &Finding| (!finding.is_breaking(), finding.place.clone());
            key(a).cmp(&key(b))
        });
        self.additions.sort();
        (self.findings, self.additions)
    }

    /// Records a finding.
    pub(super) fn find(&mut self, place: &str, what: String, harms: Vec<Harm>, remedy: String) {
        let mut outer =
            std::iter::successors(Some(place), |name| Some(name.rsplit_once(['.', '/'])?.0));
        let file = outer.find_map(|name| self.old.homes.get(name));
        self.findings.push(Finding {
            place: place.to_owned(),
            file: (*file.unwrap_or(&"")).to_owned(),
            what,
            harms,
            remedy,
        });
    }

    /// Records an addition, which does not break anything.
    pub(super) fn add(&mut self, what: String) {
        self.additions.push(what);
    }

    /// Whether an old and a new name mean the same message or enum.
    pub(super) fn same_name(&self, old: &str, new: &str) -> bool {
        old == new || self.renamed.get(old) == Some(&new)
    }

    /// Whether an old and a new kind are the same.
    pub(super) fn same_kind(&self, old: &Kind, new: &Kind) -> bool {
        match (old, new) {
            (Kind::Message(old), Kind::Message(new)) | (Kind::Enum(old), Kind::Enum(new)) => {
                self.same_name(old, new)
            }
            _ => old == new,
        }
    }

    /// The name in the new schema of a type in the old schema.
    pub(super) fn new_name<'n>(&'n self, old: &'n str) -> &'n str {
        self.renamed.get(old).copied().unwrap_or(old)
    }

    /// Finds renamed types. A type counts as renamed if its name was removed and a field or method
    /// that used it now uses a type with a new name.
    fn find_renamed(&mut self) {
        let mut open: Vec<(&'a str, &'a str)> = Vec::new();
        for (name, service) in &self.old.services {
            let Some(other) = self.new.services.get(name) else {
                continue;
            };
            for method in &service.methods {
                let other = other.methods.iter().find(|other| other.name == method.name);
                open.extend(other.iter().flat_map(|other| {
                    let error = method.error.iter().zip(&other.error);
                    [
                        (&method.request, &other.request),
                        (&method.reply, &other.reply),
                    ]
                    .into_iter()
                    .chain(error)
                    .map(|(old, new)| (old.as_str(), new.as_str()))
                }));
            }
        }
        let fields = |old: &'a Message, new: &'a Message| {
            let pairs = old.fields.iter().filter_map(move |field| {
                let other = new.fields.iter().find(|other| other.tag == field.tag)?;
                Some((field.kind.name()?, other.kind.name()?))
            });
            pairs.collect::<Vec<_>>()
        };
        for (name, message) in &self.old.messages {
            if let Some(other) = self.new.messages.get(name) {
                open.extend(fields(message, other));
            }
        }
        let mut taken = BTreeSet::new();
        while let Some((old, new)) = open.pop() {
            let both_new = self.old.has(old) && !self.new.has(old) && !self.old.has(new);
            if !both_new || self.renamed.contains_key(old) || !taken.insert(new) {
                continue;
            }
            match (self.old.messages.get(old), self.new.messages.get(new)) {
                (Some(message), Some(other)) => open.extend(fields(message, other)),
                (None, None) => {}
                _ => continue,
            }
            self.renamed.insert(old, new);
        }
    }

    /// Reports names that were removed or renamed, and new names.
    pub(super) fn names(&mut self, what: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) {
        let used: BTreeSet<String> = self.old.used().into_iter().map(str::to_owned).collect();
        for name in old.difference(new) {
            if let Some(&other) = self.renamed.get(name.as_str()) {
                self.renamed_finding(what, name, other);
            } else {
                self.removed_finding(what, name, used.contains(name));
            }
        }
        let taken: BTreeSet<&str> = self.renamed.values().copied().collect();
        for name in new
            .difference(old)
            .filter(|name| !taken.contains(name.as_str()))
        {
            self.add(format!("{what} `{name}`"));
        }
    }

    fn renamed_finding(&mut self, what: &str, old: &str, new: &str) {
        let harms = vec![
            Affected::StoredData
                .by("messages stored with their type name, as in `Any`, are not recognized"),
            Affected::Sources.by("the type has another name; calls, bytes and JSON stay the same"),
        ];
        let last = old.rsplit('.').next().unwrap_or(old);
        let remedy = format!(
            "keep the name on the wire; the Rust type may have any name: \
             `#[micro::message(name = \"{last}\")]`, with `package = \"…\"` if that changed"
        );
        self.find(
            old,
            format!("the {what} is now called `{new}`"),
            harms,
            remedy,
        );
    }

    fn removed_finding(&mut self, what: &str, name: &str, used: bool) {
        if used {
            let remedy = "each use of it is reported separately".to_owned();
            self.find(name, format!("the {what} is removed"), Vec::new(), remedy);
            return;
        }
        let harms = vec![
            Affected::StoredData.by("stored data of this type cannot be read"),
            Affected::Sources.by("the type is removed"),
        ];
        let remedy = "keep it while data of this type is stored or sent".to_owned();
        self.find(name, format!("the {what} is removed"), harms, remedy);
    }
}
