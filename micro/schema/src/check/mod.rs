//! The compatibility check: whether a new schema still accepts what an old one does, and if not,
//! which users the changes break.
//!
//! The check compares bytes, JSON and HTTP paths by protobuf's rules, and the stricter requirements
//! of micro's own readers. Doc comments and the names of files do not matter.

mod aliases;
mod compare;
mod enums;
mod fields;
mod finding;
mod http;
mod oneofs;
mod query;
mod required;
mod reserved;
mod services;
mod types;

use std::fmt;

pub use self::finding::{Affected, Finding, Harm};

use crate::check::compare::Comparison;
use crate::model::{Enum, Message, Schema};

/// The result of comparing an old schema with a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
    additions: Vec<String>,
    changed: bool,
}

impl Schema {
    /// Compares an old schema with a new one.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::schema::Schema;
    ///
    /// let field = |tag| format!(
    ///     r#"{{"format": 1, "files": [{{"name": "shop.proto", "package": "shop", "messages": [
    ///         {{"name": "Item", "fields": [{{"tag": {tag}, "name": "sku", "type": "string"}}]}}
    ///     ]}}]}}"#
    /// );
    /// let (old, new) = (Schema::parse(&field(1))?, Schema::parse(&field(2))?);
    /// let report = Schema::check(&old, &new);
    /// assert!(!report.is_compatible());
    /// assert_eq!(report.findings()[0].place, "shop.Item.sku");
    /// # Ok::<(), micro::Error>(())
    /// ```
    pub fn check(old: &Self, new: &Self) -> Report {
        let mut comparison = Comparison::new(old, new);
        comparison.messages();
        comparison.enums();
        comparison.services();
        comparison.noted(old, new);
        let (findings, additions) = comparison.finish();
        Report {
            findings,
            additions,
            changed: old.without_docs() != new.without_docs(),
        }
    }

    /// The schema without doc comments and file names.
    fn without_docs(&self) -> Self {
        let mut schema = self.clone();
        for file in &mut schema.files {
            file.name.clear();
            remove_docs(&mut file.messages, &mut file.enums);
            for service in &mut file.services {
                service.doc.clear();
                for method in &mut service.methods {
                    method.doc.clear();
                }
            }
        }
        schema
    }
}

fn remove_docs(messages: &mut [Message], enums: &mut [Enum]) {
    for message in messages {
        message.doc.clear();
        message.oneof_docs.clear();
        for field in &mut message.fields {
            field.doc.clear();
        }
        remove_docs(&mut message.messages, &mut message.enums);
    }
    for one in enums {
        one.doc.clear();
        for value in &mut one.values {
            value.doc.clear();
        }
    }
}

impl Report {
    /// The findings: breaking changes first, by place, then notes.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Descriptions of additions, which do not break anything.
    pub fn additions(&self) -> &[String] {
        &self.additions
    }

    /// Whether no change breaks anything.
    pub fn is_compatible(&self) -> bool {
        !self.findings.iter().any(Finding::is_breaking)
    }

    /// Whether both schemas are the same, apart from doc comments and file names.
    pub fn is_unchanged(&self) -> bool {
        !self.changed
    }
}

/// Lists all findings, each with its place and its remedy, then the additions.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breaking = self.findings.iter().filter(|finding| finding.is_breaking());
        match breaking.count() {
            0 if self.is_unchanged() => f.write_str("the schema is unchanged")?,
            0 => f.write_str("the schema has changed, and nothing breaks")?,
            1 => f.write_str("the schema has a breaking change")?,
            count => write!(f, "the schema has {count} breaking changes")?,
        }
        for finding in &self.findings {
            write!(f, "\n\n{finding}")?;
        }
        if !self.additions.is_empty() {
            f.write_str("\n\nnew:")?;
        }
        for addition in &self.additions {
            write!(f, "\n    {addition}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
