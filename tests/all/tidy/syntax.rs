//! Rules on syntax: globs, unfinished code, `unwrap`, swallowed results, the environment.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{EARNEST, READS_ENVIRONMENT};
use crate::sources::{Offence, Text, is_test};

const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// What does not hold of a file.
pub(super) fn offences(text: &Text) -> Vec<Offence> {
    let mut finder = Finder {
        path: &text.path,
        earnest: text.under(EARNEST),
        may_read: text.under(READS_ENVIRONMENT),
        in_test: text.is_test(),
        found: Vec::new(),
    };
    finder.visit_file(&text.parse());
    finder.found
}

struct Finder<'a> {
    path: &'a str,
    earnest: bool,
    may_read: bool,
    in_test: bool,
    found: Vec<Offence>,
}

impl Finder<'_> {
    fn offence(&mut self, at: &impl Spanned, rule: impl Into<String>) {
        self.found.push(Offence {
            path: self.path.to_owned(),
            line: at.span().start().line,
            rule: rule.into(),
        });
    }

    fn strict(&self) -> bool {
        self.earnest && !self.in_test
    }

    /// Runs `inner` knowing whether the attributes say that this is for tests.
    fn within(&mut self, attributes: &[syn::Attribute], inner: impl FnOnce(&mut Self)) {
        let before = self.in_test;
        self.in_test |= attributes.iter().any(is_test);
        inner(self);
        self.in_test = before;
    }

    fn tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.tree(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Name(syn::UseName { ident })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                let mut full = prefix.clone();
                full.push(ident.to_string());
                self.environment(&full, ident);
            }
            syn::UseTree::Glob(glob) => {
                // Whoever uses us takes the prelude whole: that is what it is for.
                let ours = self.path.starts_with("micro");
                let prelude = !ours && *prefix == ["micro", "prelude"];
                if self.strict() && !prelude {
                    self.offence(glob, "a glob import outside tests");
                }
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, prefix);
                }
            }
        }
    }

    fn environment(&mut self, path: &[String], at: &impl Spanned) {
        let reads = path.len() > 1 && path[0] == "std" && path[1] == "env";
        if reads && self.strict() && !self.may_read {
            self.offence(at, "the environment is read below `app`");
        }
    }

    /// What macros hide: `todo!()` and `.unwrap()` among their tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let before = index.checked_sub(1).map(|i| tokens[i].to_string());
            let after = tokens.get(index + 1).map(ToString::to_string);
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    if UNFINISHED.contains(&&*name) && after.as_deref() == Some("!") {
                        self.offence(token, format!("`{name}!`"));
                    }
                    let called = before.as_deref() == Some(".") && after.as_deref() == Some("()");
                    if name == "unwrap" && called && self.strict() {
                        self.offence(token, "`unwrap()` outside tests");
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.within(&item.attrs, |this| visit::visit_item_mod(this, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(&item.attrs, |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(&item.attrs, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.within(&item.attrs, |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.within(&item.attrs, |this| this.tree(&item.tree, &mut Vec::new()));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.environment(&names, path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last().map(|last| last.ident.to_string())
            && UNFINISHED.contains(&&*name)
        {
            self.offence(call, format!("`{name}!`"));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let bare = call.method == "unwrap" || call.method == "unwrap_err";
        if bare && call.args.is_empty() && self.strict() {
            self.offence(&call.method, format!("`{}()` outside tests", call.method));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        let pattern = match &local.pat {
            syn::Pat::Type(typed) => &*typed.pat,
            other => other,
        };
        if matches!(pattern, syn::Pat::Wild(_)) && local.init.is_some() && self.strict() {
            self.offence(local, "`let _ = …` swallows a value");
        }
        visit::visit_local(self, local);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if let syn::Stmt::Expr(syn::Expr::MethodCall(call), Some(_)) = statement
            && call.method == "ok"
            && call.args.is_empty()
            && self.strict()
        {
            self.offence(&call.method, "a bare `.ok();` swallows an error");
        }
        visit::visit_stmt(self, statement);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let all = offences(&sample(path, text));
        all.into_iter().map(|o| (o.line, o.rule)).collect()
    }

    const BAD: &[(&str, &str)] = &[
        ("use crate::a::*;", "a glob import outside tests"),
        ("use a::{b, c::{d, *}};", "a glob import outside tests"),
        ("fn f() { todo!() }", "`todo!`"),
        ("fn f() { vec![todo!()]; }", "`todo!`"),
        ("fn f() { std::unimplemented!(\"x\") }", "`unimplemented!`"),
        ("fn f() { dbg!(1); }", "`dbg!`"),
        ("fn f() { a.unwrap(); }", "`unwrap()` outside tests"),
        (
            "fn f() { a.b().unwrap_err(); }",
            "`unwrap_err()` outside tests",
        ),
        (
            "fn f() { info!(a = %b.unwrap()); }",
            "`unwrap()` outside tests",
        ),
        ("fn f() { let _ = a(); }", "`let _ = …` swallows a value"),
        ("fn f() { let _: R = a(); }", "`let _ = …` swallows a value"),
        ("fn f() { a().ok(); }", "a bare `.ok();` swallows an error"),
        ("use std::env;", "the environment is read below `app`"),
        (
            "use std::{env::var as v, fmt};",
            "the environment is read below `app`",
        ),
        (
            "fn f() { std::env::args() }",
            "the environment is read below `app`",
        ),
    ];

    #[test]
    fn every_rule_fires() {
        for (text, rule) in BAD {
            let wanted = vec![(2, (*rule).to_owned())];
            assert_eq!(
                found("micro/src/a.rs", &format!("\n{text}")),
                wanted,
                "in {text}"
            );
        }
    }

    #[test]
    fn tests_may_do_all_but_leave_things_to_do() {
        for (text, rule) in BAD {
            let wrapped = format!("#[cfg(test)] mod tests {{\n{text} }}");
            let wanted = usize::from(rule.ends_with('!') || rule.ends_with("!`"));
            assert_eq!(found("micro/src/a.rs", &wrapped).len(), wanted, "in {text}");
            assert_eq!(
                found("micro/src/a/tests.rs", text).len(),
                wanted,
                "in {text}"
            );
        }
        let text = "#[tokio::test] async fn f() { a.unwrap() }\n fn g() { a.unwrap() }\n\
                    impl A { #[cfg(test)] fn f() { a.unwrap() } }";
        assert_eq!(found("micro/src/a.rs", text).len(), 1);
    }

    #[test]
    fn good_code_is_left_alone() {
        let text = "use std::fmt;\nfn f() { let a = b.ok(); a.unwrap_or(1); let _c = d(); }\n\
                    const V: &str = env!(\"CARGO_PKG_VERSION\");";
        assert_eq!(found("micro/src/a.rs", text), []);
        assert_eq!(found("micro/src/app/a.rs", "use std::env;"), []);
        assert_eq!(found("examples/a.rs", "use micro::prelude::*;"), []);
        assert_eq!(found("micro/src/a.rs", "use micro::prelude::*;").len(), 1);
    }
}
