//! The results of a check: a place, the change, the users that it breaks, and a remedy.

use std::fmt;

/// A difference between an old and a new schema that can affect users.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The full name of the changed item, for example `shop.Item.price`.
    pub place: String,
    /// The file of the old schema that defines it, for example `shop.proto`.
    pub file: String,
    /// The change.
    pub what: String,
    /// The users that the change breaks. Empty for a note about a change that breaks nothing.
    pub harms: Vec<Harm>,
    /// How to stay compatible, or additional information if the change breaks nothing.
    pub remedy: String,
}

/// How a change breaks a group of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Harm {
    /// The affected users.
    pub whom: Affected,
    /// The effect on them.
    pub how: &'static str,
}

/// A group of users that a change can affect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Affected {
    /// Callers built from the old schema, calling a new service.
    OldCallers,
    /// Callers built from the new schema, calling an old service.
    NewCallers,
    /// Messages and events that were stored under the old schema.
    StoredData,
    /// Readers and writers of the messages as JSON.
    Json,
    /// Callers of plain HTTP paths.
    Http,
    /// Programs in other languages, when their code is generated again from the `.proto` files.
    Sources,
}

impl Affected {
    /// The name of the group in reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::OldCallers => "old callers of a new service",
            Self::NewCallers => "new callers of an old service",
            Self::StoredData => "stored messages",
            Self::Json => "users of JSON",
            Self::Http => "plain HTTP callers",
            Self::Sources => "programs in other languages",
        }
    }

    /// Creates a harm to this group.
    pub(super) const fn by(self, how: &'static str) -> Harm {
        Harm { whom: self, how }
    }
}

impl Finding {
    /// Whether the change breaks anything.
    pub fn is_breaking(&self) -> bool {
        !self.harms.is_empty()
    }

    /// Whether the change breaks this group of users.
    pub fn breaks(&self, whom: Affected) -> bool {
        self.harms.iter().any(|harm| harm.whom == whom)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}` ({}): {}", self.place, self.file, self.what)?;
        for harm in &self.harms {
            writeln!(f, "    breaks {}: {}", harm.whom.words(), harm.how)?;
        }
        let word = if self.is_breaking() { "remedy" } else { "note" };
        write!(f, "    {word}: {}", self.remedy)
    }
}
