//! `Filter`: selects by version and labels the nodes that may be picked.

use std::collections::BTreeMap;
use std::fmt;

use micro_registry::Node;

/// Filter by version and labels. The default matches every node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    version: Option<String>,
    labels: Vec<(String, String)>,
}

impl Filter {
    /// Creates a filter that matches every node.
    pub const fn new() -> Self {
        Self {
            version: None,
            labels: Vec::new(),
        }
    }

    /// Matches only nodes of a version: `1.2` also matches `1.2.7`, but not `1.20`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Matches only nodes whose metadata has this value under this key. If there are several
    /// labels, all must match.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// Whether the filter matches every node.
    pub fn is_empty(&self) -> bool {
        self.version.is_none() && self.labels.is_empty()
    }

    /// Whether a node matches.
    pub fn fits(&self, node: &Node) -> bool {
        self.is_empty() || self.fits_parts(&node.version, &node.metadata)
    }

    /// Whether a node with this version and metadata matches.
    pub fn fits_parts(&self, version: &str, metadata: &BTreeMap<String, String>) -> bool {
        let same = |(key, value): &(String, String)| metadata.get(key) == Some(value);
        self.version
            .as_deref()
            .is_none_or(|wanted| is_version(wanted, version))
            && self.labels.iter().all(same)
    }
}

/// Whether `version` is `wanted`, or a more specific version of it.
fn is_version(wanted: &str, version: &str) -> bool {
    version
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = &self.version {
            write!(f, " in version `{version}`")?;
        }
        for (key, value) in &self.labels {
            write!(f, " with `{key}` = `{value}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_labels_must_fit() {
        let node = Node::new("greeter", "a", "127.0.0.1:1")
            .with_version("1.2.7")
            .with_metadata("zone", "a");
        for fitting in ["1.2.7", "1.2", "1"] {
            assert!(Filter::new().version(fitting).fits(&node), "{fitting}");
        }
        for other in ["1.20", "1.2.", "2", "1.2.70", "1."] {
            assert!(!Filter::new().version(other).fits(&node), "{other}");
        }
        assert!(Filter::new().label("zone", "a").fits(&node));
        assert!(!Filter::new().label("zone", "b").fits(&node));
        assert!(!Filter::new().label("rack", "a").fits(&node));
        assert!(!Filter::new().label("zone", "a").version("2").fits(&node));
        let text = Filter::new().version("1").label("zone", "a").to_string();
        assert_eq!(text, " in version `1` with `zone` = `a`");
    }
}
