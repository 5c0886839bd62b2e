//! Public signatures do not name types of a protocol crate, as far as the text shows.
//!
//! The check does not resolve types. It knows a file's imports and the paths that the file writes
//! out.

use std::collections::HashMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sources::{Offence, Text};

/// Crates whose types must not be public.
const INSIDE: &[&str] = &[
    "tonic",
    "prost",
    "prost_types",
    "hyper",
    "hyper_util",
    "h2",
    "http",
    "http_body",
    "http_body_util",
    "tower",
    "tower_service",
    "mdns_sd",
    "simple_dns",
    "socket2",
    "notify",
];

/// Finds the violations in a file.
pub(super) fn offences(text: &Text) -> Vec<Offence> {
    let mut finder = Finder {
        path: &text.path,
        imports: HashMap::new(),
        found: Vec::new(),
    };
    let file = text.parse();
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            finder.imports(&item.tree, None);
        }
    }
    finder.visit_file(&file);
    finder.found
}

struct Finder<'a> {
    path: &'a str,
    /// Names in this file, with the crate from which they are imported.
    imports: HashMap<String, String>,
    found: Vec<Offence>,
}

/// A visitor of signatures that reports paths into these crates.
struct Signature<'f, 'a>(&'f mut Finder<'a>);

impl Finder<'_> {
    fn imports(&mut self, tree: &syn::UseTree, root: Option<&str>) {
        let name = |ident: &syn::Ident| root.map_or_else(|| ident.to_string(), str::to_owned);
        match tree {
            syn::UseTree::Path(path) => {
                let root = name(&path.ident);
                self.imports(&path.tree, Some(&root));
            }
            syn::UseTree::Name(used) => {
                let root = name(&used.ident);
                self.imports.insert(used.ident.to_string(), root);
            }
            syn::UseTree::Rename(used) => {
                let root = name(&used.ident);
                self.imports.insert(used.rename.to_string(), root);
            }
            syn::UseTree::Glob(_) => {}
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.imports(tree, root);
                }
            }
        }
    }

    fn signature(&mut self, signature: &syn::Signature) {
        let mut inner = Signature(self);
        inner.visit_generics(&signature.generics);
        for input in &signature.inputs {
            inner.visit_fn_arg(input);
        }
        inner.visit_return_type(&signature.output);
    }

    fn fields(&mut self, fields: &syn::Fields, all: bool) {
        for field in fields {
            if all || is_public(&field.vis) {
                Signature(self).visit_type(&field.ty);
            }
        }
    }

    fn leaves(&self, path: &syn::Path) -> Option<String> {
        let first = path.segments.first()?.ident.to_string();
        let root = self.imports.get(&first).cloned().unwrap_or(first);
        INSIDE.contains(&&*root).then_some(root)
    }
}

impl<'ast> Visit<'ast> for Signature<'_, '_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(root) = self.0.leaves(path) {
            self.0.found.push(Offence {
                path: self.0.path.to_owned(),
                line: path.span().start().line,
                rule: format!("a type of `{root}` in a public signature"),
            });
        }
        visit::visit_path(self, path);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_public(&item.vis) {
            self.signature(&item.sig);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if is_public(&item.vis) {
            self.fields(&item.fields, false);
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if is_public(&item.vis) {
            for variant in &item.variants {
                self.fields(&variant.fields, true);
            }
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if is_public(&item.vis) {
            Signature(self).visit_type(&item.ty);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut names = Finder {
            path: self.path,
            imports: HashMap::new(),
            found: Vec::new(),
        };
        names.imports(&item.tree, None);
        let leaves = names
            .imports
            .values()
            .find(|root| INSIDE.contains(&&***root));
        if let Some(root) = leaves.filter(|_| is_public(&item.vis)) {
            self.found.push(Offence {
                path: self.path.to_owned(),
                line: item.span().start().line,
                rule: format!("a type of `{root}` in a public signature"),
            });
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if is_public(&item.vis) {
            for item in &item.items {
                if let syn::TraitItem::Fn(method) = item {
                    self.signature(&method.sig);
                }
            }
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if is_public(&item.vis) {
            self.signature(&item.sig);
        }
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_kind_of_public_signature_is_read() {
        let bad = [
            "pub fn f(a: hyper::Request<()>) {}",
            "use hyper::Request; pub fn f() -> Option<Request<()>> {}",
            "use h2::{client as c}; pub struct S { pub a: c::SendRequest }",
            "pub enum E { A(tonic::Status) }",
            "pub type T = Vec<prost::DecodeError>;",
            "pub trait T { fn f(&self) -> http::Uri; }",
            "pub struct S; impl S { pub async fn f<B: http_body::Body>(b: B) {} }",
            "pub use hyper::body::Incoming;",
        ];
        for text in bad {
            let found = offences(&sample("micro/src/a.rs", text));
            assert_eq!(found.len(), 1, "in {text}");
        }
    }

    #[test]
    fn what_is_private_may_name_anything() {
        let good = [
            "fn f(a: hyper::Request<()>) {}",
            "pub(crate) fn f(a: hyper::Request<()>) {}",
            "pub struct S { a: h2::Reason }",
            "pub fn f(a: Vec<bytes::Bytes>) { let b: hyper::Error; }",
            "mod hyper {} use crate::http::Own; pub fn f(a: Own) {}",
        ];
        for text in good {
            assert_eq!(offences(&sample("micro/src/a.rs", text)), [], "in {text}");
        }
    }
}
