//! Reads `.proto` files of a folder, with errors that name file, line and remedy.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use protox::Error;
use protox::file::{File, FileResolver, IncludeFileResolver};

/// The byte order mark that some editors on Windows write. protoc skips it, the parser does not.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The paths of files with a byte order mark, which the compiler does not report.
#[derive(Debug, Default, Clone)]
pub(crate) struct Marked(Rc<RefCell<Vec<PathBuf>>>);

impl Marked {
    pub(crate) fn take(&self) -> Vec<PathBuf> {
        self.0.take()
    }
}

/// A folder of `.proto` files. Rejects files for which the parser has no clear error.
#[derive(Debug)]
pub(crate) struct Include {
    folder: PathBuf,
    files: IncludeFileResolver,
    marked: Marked,
}

impl Include {
    pub(crate) fn new(folder: &Path, marked: &Marked) -> Self {
        Self {
            folder: folder.to_owned(),
            files: IncludeFileResolver::new(folder.to_owned()),
            marked: marked.clone(),
        }
    }

    fn parse(&self, name: &str, text: &str) -> Result<File, Error> {
        let Some(unmarked) = text.strip_prefix(BYTE_ORDER_MARK) else {
            return self.files.open_file(name);
        };
        let path = self.folder.join(name);
        self.marked.0.borrow_mut().push(path);
        File::from_source(name, unmarked)
    }
}

impl FileResolver for Include {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.files.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        let Ok(bytes) = fs::read(self.folder.join(name)) else {
            return self.files.open_file(name);
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let (line, column) = position(&before, before.len());
            refused(format!(
                "{name}:{line}:{column}: the file is not valid UTF-8; save it in UTF-8"
            ))
        })?;
        if let Some((at, edition)) = edition(text) {
            let (line, column) = position(text, at);
            return Err(refused(format!(
                "{name}:{line}:{column}: edition {edition} is not supported; write \
                 `syntax = \"proto3\";`, and `optional` before each field that must distinguish \
                 unset from zero"
            )));
        }
        self.parse(name, text)
            .map_err(|error| placed(error, name, text))
    }
}

/// Adds a position and a remedy to an error of the parser that has none.
fn placed(error: Error, name: &str, text: &str) -> Error {
    let said = format!("{error:?}");
    if !error.is_parse() || said.starts_with(&format!("{name}:")) {
        return error;
    }
    let is_end = said.ends_with("reached end of file");
    let starts_line = |at: &usize| text[..*at].rsplit('\n').next() == Some("");
    let packages = text.match_indices("package ").map(|(at, _)| at);
    let at = if is_end {
        Some(text.trim_end().len())
    } else {
        // The parser reports a second `package` without a position.
        packages.filter(starts_line).last()
    };
    let (line, column) = position(text, at.unwrap_or_default());
    let remedy = if is_end {
        "write the missing part, possibly a `}` further up"
    } else {
        "remove one of them"
    };
    refused(format!("{name}:{line}:{column}: {said}; {remedy}"))
}

/// Returns line and column of a byte offset in a text, counted from 1.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let before = before.trim_start_matches(BYTE_ORDER_MARK);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn refused(text: String) -> Error {
    Error::new(Rejection(text))
}

/// An error with a complete text. `protox` prints it by its `Debug`.
struct Rejection(String);

impl std::fmt::Debug for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejection {}

/// Returns position and value of an `edition = "…"` at the beginning of a file.
fn edition(text: &str) -> Option<(usize, &str)> {
    let mut rest = text;
    loop {
        rest =
            rest.trim_start_matches(|char: char| char.is_whitespace() || char == BYTE_ORDER_MARK);
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n')?.1;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else {
            break;
        }
    }
    let value = rest
        .strip_prefix("edition")?
        .trim_start()
        .strip_prefix('=')?;
    let value = value.trim_start().split(['"', '\'']).nth(1)?;
    Some((text.len() - rest.len(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_found_after_comments_only() {
        let text = "// a\n/* b\n */\n  edition = \"2023\";";
        let (at, value) = edition(text).unwrap();
        assert_eq!((position(text, at), value), ((4, 3), "2023"));
        for text in [
            "",
            "// edition = \"2023\";",
            "syntax = \"proto3\"; // edition = \"2023\"",
            "editions = \"2023\"",
        ] {
            assert_eq!(edition(text), None, "{text}");
        }
    }
}
