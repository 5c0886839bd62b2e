//! The sources of the workspace, read and parsed for the tests of the house rules.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use micro_tests::workspace;

/// A text file of the workspace.
pub(crate) struct Text {
    /// Path relative to the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Text {
    pub(crate) fn new(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            body: body.into(),
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// Whether the file is in one of these folders.
    pub(crate) fn under(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    pub(crate) fn parse(&self) -> syn::File {
        match syn::parse_file(&self.body) {
            Ok(file) => file,
            Err(error) => panic!("{}:{}: {error}", self.path, error.span().start().line),
        }
    }
}

/// A violated rule, and its location.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offence {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Fails with all offences, one per line.
pub(crate) fn expect_none(mut offences: Vec<Offence>) {
    offences.sort();
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} offences:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// All text files of the workspace, without build output and git's own files.
pub(crate) fn texts() -> &'static [Text] {
    static TEXTS: LazyLock<Vec<Text>> = LazyLock::new(|| {
        let mut found = Vec::new();
        walk(&workspace(), "", &mut found);
        assert!(found.len() > 20, "the walk found {} files", found.len());
        found
    });
    &TEXTS
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<Text>) {
    let entries = fs::read_dir(folder).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            if name != "target" && name != ".git" {
                walk(&entry.path(), &format!("{path}/"), found);
            }
        } else if kind.is_file()
            && path != ".git"
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.push(Text::new(path, text));
        }
    }
}
