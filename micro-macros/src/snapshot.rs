//! Compares expansions with the files in `snapshots/`, for the tests of this crate.
//!
//! `SNAPSHOTS=overwrite cargo test -p micro-macros` writes the files again; review the diff.

use std::path::Path;

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::LitStr;

/// Compares a formatted expansion with `snapshots/<name>.txt`.
#[track_caller]
pub(crate) fn check(name: &str, expansion: TokenStream) {
    let file = syn::parse2(expansion).expect("an expansion consists of items");
    let found = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("snapshots/{name}.txt"));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, &found).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} has changed:\n{found}");
}

/// Returns the item of an expansion, and the messages of its compile errors in order.
pub(crate) fn mistakes(expansion: TokenStream) -> (String, Vec<String>) {
    let (mut item, mut messages) = (Vec::new(), Vec::new());
    split(expansion, &mut item, &mut messages);
    let item: TokenStream = item.into_iter().collect();
    let text = item.to_string().replace(":: core :: compile_error !", "");
    // The stub that replaces the expansion does not belong to the item.
    let text = text.split("# [allow (unreachable_code)]").next();
    (text.unwrap_or_default().trim().to_owned(), messages)
}

/// Separates the arguments of `compile_error!` from the other tokens.
fn split(tokens: TokenStream, item: &mut Vec<TokenTree>, messages: &mut Vec<String>) {
    let mut is_error = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) if is_error => {
                let text = syn::parse2::<LitStr>(group.stream())
                    .expect("the argument of compile_error! is a string");
                messages.push(text.value());
                is_error = false;
            }
            TokenTree::Group(group) if holds_errors(&group) => {
                split(group.stream(), item, messages);
            }
            token => {
                is_error |= token.to_string() == "compile_error";
                item.push(token);
            }
        }
    }
}

fn holds_errors(group: &Group) -> bool {
    let is_error = |token: TokenTree| token.to_string() == "compile_error";
    group.stream().into_iter().any(is_error)
}
