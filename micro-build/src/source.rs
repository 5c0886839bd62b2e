//! Reads `.proto` files and their imports, and finds the positions of definitions.

use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;
use protox::file::{ChainFileResolver, GoogleFileResolver};
use protox::prost_reflect::{DescriptorPool, FileDescriptor};

use crate::builtin::Builtin;
use crate::error::Error;
use crate::include::{Include, Marked, position};

/// Reads files and their imports. Returns the descriptors and the paths of the files that were
/// read.
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
    // Decode the pool again: the compiler's own pool was built before options were resolved.
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice());
    let pool = pool.map_err(|error| Error::new(format!("{error:?}")))?;
    Ok((pool, read))
}

/// Returns the text of a compiler error, which contains the position, with a remedy where possible.
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
            "{}: the file does not exist; write the path relative to the folder of Cargo.toml",
            file.display()
        )
    }
}

/// Returns the error for the import cycle `a.proto -> b.proto -> a.proto`, at the import that
/// closes it.
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
        "{from}{place}: the imports form a cycle: {cycle}; move the shared definitions into a \
         separate file"
    )
}

/// Returns the position of the definition with this path, such as `shop.proto:3:5`.
pub(crate) fn place(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let spans = info.into_iter().flat_map(|info| &info.location);
    let mut spans = spans.filter(|location| location.path == path);
    match spans.next().map(|location| &location.span[..]) {
        Some([line, column, ..]) => format!("{}:{}:{}", file.name(), line + 1, column + 1),
        _ => file.name().to_owned(),
    }
}
