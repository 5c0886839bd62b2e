//! Which file names which: every path in every file, resolved as the compiler would.
//!
//! Sees `crate`, `micro`, `self`, `super`, braces, `as`, re-exports, and paths inside macros.
//! Does not expand macros: the body of an exported one is its user's code.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sources::Text;

const ROOT: &str = "micro/src/";

/// A module's path from the root of the crate: `["registry", "memory"]`.
pub(super) type Path = Vec<String>;

/// One mention of a place in the crate.
pub(super) struct Edge {
    /// The module that mentions.
    pub(super) from: Path,
    pub(super) file: String,
    pub(super) line: usize,
    /// What it mentions, as written, from the root of the crate.
    pub(super) to: Path,
}

/// What a file brings into its namespace.
#[derive(Default)]
struct Names {
    imports: HashMap<String, Path>,
}

/// All modules and all mentions.
pub(super) struct Graph {
    modules: HashMap<Path, Names>,
    /// Exported macros and the module that defines them.
    macros: HashMap<String, Path>,
    pub(super) edges: Vec<Edge>,
    /// Every module with the file that holds it.
    pub(super) files: BTreeMap<Path, String>,
}

impl Graph {
    /// The folder that a module's file stands in, from the root of the crate.
    pub(super) fn folder(&self, module: &[String]) -> Path {
        let file = self.files.get(module).map_or("", String::as_str);
        let inner = file.strip_prefix(ROOT).unwrap_or(file);
        let mut folder: Path = inner.split('/').map(str::to_owned).collect();
        folder.pop();
        folder
    }

    /// Reads the files under `micro/src/`.
    pub(super) fn read<'a>(texts: impl IntoIterator<Item = &'a Text>) -> Self {
        let mut graph = Self {
            modules: HashMap::new(),
            macros: HashMap::new(),
            edges: Vec::new(),
            files: BTreeMap::new(),
        };
        for text in texts {
            let module = module_of(&text.path);
            let mut reader = Reader {
                graph: &mut graph,
                module: module.clone(),
                inline: Vec::new(),
                file: text.path.clone(),
                names: Names::default(),
            };
            reader.visit_file(&text.parse());
            let names = reader.names;
            graph.modules.insert(module.clone(), names);
            graph.files.insert(module, text.path.clone());
        }
        graph
    }

    /// Whether a path from the root names an exported macro.
    pub(super) fn is_macro(&self, path: &[String]) -> bool {
        matches!(path, [name] if self.macros.contains_key(name))
    }

    /// The module that defines what a path names, re-exports followed.
    pub(super) fn locate(&self, path: &[String]) -> Path {
        let mut path = path.to_vec();
        for _ in 0..16 {
            if let [only] = &*path
                && let Some(module) = self.macros.get(only)
            {
                return module.clone();
            }
            let depth = (0..=path.len())
                .rev()
                .find(|depth| self.modules.contains_key(&path[..*depth]))
                .unwrap_or(0);
            let rest = &path[depth..];
            let module = self.modules.get(&path[..depth]);
            let Some(import) = rest
                .first()
                .and_then(|name| module.and_then(|module| module.imports.get(name)))
            else {
                return path[..depth].to_vec();
            };
            path = import.iter().chain(&rest[1..]).cloned().collect();
        }
        path
    }
}

/// `micro/src/registry/memory.rs` is `["registry", "memory"]`.
fn module_of(file: &str) -> Path {
    let inner = file.strip_prefix(ROOT).unwrap_or(file);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut path: Path = inner.split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib")) {
        path.pop();
    }
    path
}

struct Reader<'a> {
    graph: &'a mut Graph,
    module: Path,
    /// The inline modules that we are in.
    inline: Path,
    file: String,
    names: Names,
}

impl Reader<'_> {
    /// A path as written, from the root of the crate; none if it leads elsewhere.
    fn absolute(&self, written: &[String]) -> Option<Path> {
        let mut base: Path = [self.module.clone(), self.inline.clone()].concat();
        let mut rest = written;
        match rest.first()?.as_str() {
            "crate" | "micro" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn mention(&mut self, written: &[String], line: usize) {
        if let Some(to) = self.absolute(written) {
            let inside = [self.module.clone(), self.inline.clone()].concat();
            // What an inline module takes from its own file stays in the file.
            if !self.inline.is_empty() && to.len() <= inside.len() && inside.starts_with(&to) {
                return;
            }
            self.graph.edges.push(Edge {
                from: self.module.clone(),
                file: self.file.clone(),
                line,
                to,
            });
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, prefix: &mut Path) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.tree(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Name(name) => {
                let name = &name.ident;
                self.import(&name.to_string(), name.span().start().line, prefix);
            }
            syn::UseTree::Rename(rename) => {
                let line = rename.ident.span().start().line;
                let full = [prefix.clone(), vec![rename.ident.to_string()]].concat();
                self.bring(rename.rename.to_string(), &full, line);
            }
            syn::UseTree::Glob(glob) => self.mention(prefix, glob.span().start().line),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, prefix);
                }
            }
        }
    }

    fn import(&mut self, name: &str, line: usize, prefix: &[String]) {
        let mut full = prefix.to_vec();
        if name != "self" {
            full.push(name.to_owned());
        }
        let alias = full.last().cloned().unwrap_or_default();
        self.bring(alias, &full, line);
    }

    fn bring(&mut self, alias: String, full: &[String], line: usize) {
        self.mention(full, line);
        // `use child::Name` in a parent: a path from here.
        let target = self.absolute(full).unwrap_or_else(|| {
            let mut path = self.module.clone();
            path.extend_from_slice(full);
            path
        });
        if self.inline.is_empty() && target.last() != Some(&"_".to_owned()) {
            self.names.imports.insert(alias, target);
        }
    }

    /// Finds `crate::a::b` among the tokens of a macro call.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut written: Path = Vec::new();
        let mut line = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if written.last().is_some_and(|last| last != "::") {
                        self.flush(&mut written, line);
                    }
                    line = ident.span().start().line;
                    written.push(ident.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    if written.last().is_some_and(|last| last != "::") {
                        written.push("::".to_owned());
                    }
                }
                TokenTree::Group(group) => {
                    self.flush(&mut written, line);
                    self.tokens(group.stream());
                }
                _ => self.flush(&mut written, line),
            }
        }
        self.flush(&mut written, line);
    }

    fn flush(&mut self, written: &mut Path, line: usize) {
        let path: Path = written.drain(..).filter(|part| part != "::").collect();
        if path.len() > 1 {
            self.mention(&path, line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.inline.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.inline.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Path = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if written.len() > 1 {
            self.mention(&written, path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let exported = item.attrs.iter().any(|a| a.path().is_ident("macro_export"));
        match &item.ident {
            Some(name) if exported => {
                let name = name.to_string();
                self.graph.macros.insert(name, self.module.clone());
            }
            _ => visit::visit_item_macro(self, item),
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
