//! Reads `.proto` files and what they import. Knows where things stand in a file.

use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};
use protox::prost_reflect::{DescriptorPool, FileDescriptor};

use crate::builtin::Builtin;
use crate::error::Error;

/// Reads files and all that they import: the descriptors, and which files were read.
pub(crate) fn read(
    files: &[PathBuf],
    includes: &[PathBuf],
) -> Result<(DescriptorPool, Vec<PathBuf>), Error> {
    let mut resolver = ChainFileResolver::new();
    for include in includes {
        resolver.add(Include::new(include));
    }
    resolver.add(Builtin);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    let mut mistakes = Vec::new();
    for file in files {
        if let Err(error) = compiler.open_file(file) {
            mistakes.push(explain(&error, file, includes));
        }
    }
    if !mistakes.is_empty() {
        mistakes.dedup();
        return Err(Error::all(mistakes));
    }
    let read = compiler.files().filter_map(|file| file.path());
    let read = read.map(Path::to_owned).collect();
    // Read anew, because the compiler's own pool has facts from before options were understood.
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice());
    let pool = pool.map_err(|error| Error::new(format!("{error:?}")))?;
    Ok((pool, read))
}

/// The compiler's error, which has the place already, and where it helps a remedy.
fn explain(error: &protox::Error, file: &Path, includes: &[PathBuf]) -> String {
    let text = format!("{error:?}");
    if !error.is_file_not_found() {
        return text;
    }
    let folders: Vec<_> = includes
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    let folders = folders.join(", ");
    if file.exists() {
        format!("{text}; looked in {folders}; add the folder it is in with `.include(…)`")
    } else {
        format!(
            "{}: there is no such file; paths start where Cargo.toml is",
            file.display()
        )
    }
}

/// A folder of `.proto` files; refuses what the parser has no words for.
#[derive(Debug)]
struct Include {
    folder: PathBuf,
    files: IncludeFileResolver,
}

impl Include {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: IncludeFileResolver::new(folder.to_owned()),
        }
    }
}

impl FileResolver for Include {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.files.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if let Ok(text) = fs::read_to_string(self.folder.join(name))
            && let Some((line, column, edition)) = edition(&text)
        {
            return Err(protox::Error::new(Refused(format!(
                "{name}:{line}:{column}: edition {edition} is not supported; write \
                 `syntax = \"proto3\";`, and `optional` before each field that must tell unset \
                 from zero"
            ))));
        }
        self.files.open_file(name)
    }
}

/// A mistake whose text is complete; `protox` prints it by its `Debug`.
struct Refused(String);

impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Line, column and value of an `edition = "…"` that opens the file.
fn edition(text: &str) -> Option<(usize, usize, &str)> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
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
    let before = &text[..text.len() - rest.len()];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    Some((line, column, value))
}

/// `shop.proto:3:5`: where the definition with this path stands.
pub(crate) fn place(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let spans = info.into_iter().flat_map(|info| &info.location);
    let mut spans = spans.filter(|location| location.path == path);
    match spans.next().map(|location| &location.span[..]) {
        Some([line, column, ..]) => format!("{}:{}:{}", file.name(), line + 1, column + 1),
        _ => file.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_found_behind_comments_alone() {
        let text = "// a\n/* b\n */\n  edition = \"2023\";";
        assert_eq!(edition(text), Some((4, 3, "2023")));
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
