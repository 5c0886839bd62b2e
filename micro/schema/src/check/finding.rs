//! What a check finds: a place, what became of it, whom that harms and what to do.

use std::fmt;

/// One difference between an old and a new schema that somebody may feel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The full name of what changed: `shop.Item.price`.
    pub place: String,
    /// The file of the old schema in which it is defined: `shop.proto`.
    pub file: String,
    /// What became of it.
    pub what: String,
    /// What breaks for whom; empty when it is worth knowing and nothing breaks.
    pub harms: Vec<Harm>,
    /// What keeps both sides working, or what to know when nothing breaks.
    pub remedy: String,
}

/// What breaks for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Harm {
    /// For whom.
    pub whom: Affected,
    /// What.
    pub how: &'static str,
}

/// Who may feel a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Affected {
    /// Callers built from the old schema, calling a new service.
    OldCallers,
    /// Callers built from the new schema, calling an old service.
    NewCallers,
    /// Messages and events that were stored under the old schema.
    StoredData,
    /// Whoever reads or writes the messages as JSON.
    Json,
    /// Callers by plain HTTP paths.
    Http,
    /// Programs in other languages, when their code is made anew from the `.proto` files.
    Sources,
}

impl Affected {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OldCallers => "old callers of a new service",
            Self::NewCallers => "new callers of an old service",
            Self::StoredData => "stored messages",
            Self::Json => "users of JSON",
            Self::Http => "callers by plain HTTP",
            Self::Sources => "programs in other languages",
        }
    }

    /// A harm.
    pub(super) const fn by(self, how: &'static str) -> Harm {
        Harm { whom: self, how }
    }
}

impl Finding {
    /// Whether something breaks for somebody.
    pub fn is_breaking(&self) -> bool {
        !self.harms.is_empty()
    }

    /// Whether something breaks for one of these.
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
