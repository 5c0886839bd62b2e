//! Reads `.proto` files and what they import. Knows where things stand in a file.

use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;
use protox::file::{ChainFileResolver, GoogleFileResolver};
use protox::prost_reflect::{DescriptorPool, FileDescriptor};

use crate::builtin::Builtin;
use crate::error::Error;
use crate::include::{Include, Marked, position};

/// Reads files and all that they import: the descriptors, and which files were read.
pub(crate) fn read(
    files: &[PathBuf],
    includes: &[PathBuf],
) -> Result<(DescriptorPool, Vec<PathBuf>), Error> {
    let mut resolver = ChainFileResolver::new();
    let marked = Marked::default();
    for include in includes {
        resolver.add(Include::new(include, &marked));
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
    let read = read.map(Path::to_owned).chain(marked.take()).collect();
    // Read anew, because the compiler's own pool has facts from before options were understood.
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice());
    let pool = pool.map_err(|error| Error::new(format!("{error:?}")))?;
    Ok((pool, read))
}

/// The compiler's error, which has the place already, and where it helps a remedy.
fn explain(error: &protox::Error, file: &Path, includes: &[PathBuf]) -> String {
    let text = format!("{error:?}");
    if let Some(cycle) = text.strip_prefix("import cycle detected: ") {
        return in_cycle(cycle, includes);
    }
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

/// What to say of `a.proto -> b.proto -> a.proto`: where the import is that closes the circle.
fn in_cycle(cycle: &str, includes: &[PathBuf]) -> String {
    let mut names = cycle.rsplit(" -> ");
    let (last, from) = (names.next(), names.next());
    // A file that imports itself.
    let (last, from) = (last.unwrap_or_default(), from.or(last).unwrap_or_default());
    let text = includes
        .iter()
        .find_map(|include| fs::read_to_string(include.join(from)).ok());
    let text = text.unwrap_or_default();
    let mut start = 0;
    let line = text.split_inclusive('\n').find(|line| {
        let is_last = line.split(['"', '\'']).any(|part| part == last);
        let is_import = is_last && line.trim_start().starts_with("import");
        start += if is_import { 0 } else { line.len() };
        is_import
    });
    let place = line.map_or(String::new(), |line| {
        let indent = line.len() - line.trim_start().len();
        let (line, column) = position(&text, start + indent);
        format!(":{line}:{column}")
    });
    format!(
        "{from}{place}: imports go round in a circle: {cycle}; move what both sides need into a \
         file of its own"
    )
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
