//! Conversion of Rust names to names on the wire, checks of written names, and the names that
//! generated code refers to.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{LitStr, Path};

use crate::args::Args;
use crate::diag::Mistakes;

/// `OrderBook` → `order-book`, `HTTPProxy` → `http-proxy`.
pub(crate) fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, &letter) in chars.iter().enumerate() {
        if letter == '_' {
            out.push('-');
            continue;
        }
        let after_small = at > 0 && (chars[at - 1].is_lowercase() || chars[at - 1].is_numeric());
        let before_small = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        let in_word = at > 0 && chars[at - 1] != '_';
        if letter.is_uppercase() && in_word && (after_small || before_small) {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out.trim_matches('-').to_owned()
}

/// `say_hello` → `SayHello`.
pub(crate) fn pascal(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
    }
    out
}

/// `Greeter` → `GreeterClient`.
pub(crate) fn client(service: &Ident) -> Ident {
    format_ident!("{}Client", service.unraw(), span = service.span())
}

/// `shop::Cart` → `shop::CartClient`; generic arguments are dropped.
pub(crate) fn client_path(service: &Path) -> Path {
    let mut path = service.clone();
    if let Some(last) = path.segments.last_mut() {
        last.ident = client(&last.ident);
        last.arguments = syn::PathArguments::None;
    }
    path
}

/// The module that generated code uses: `::micro::__private`, or `path::__private` with
/// `crate = path`.
pub(crate) fn private(args: &mut Args, mistakes: &mut Mistakes) -> TokenStream {
    match args.path("crate", mistakes) {
        Some(path) => quote!(#path::__private),
        None => quote!(::micro::__private),
    }
}

/// Whether a path is the attribute `name` of micro: `#[micro::rpc]`, or `#[rpc]` after an import.
pub(crate) fn is_ours(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name) && path.segments.len() <= 2
}

/// Checks the name of a service in a registry: lowercase letters, digits, `-` and `.`.
pub(crate) fn check_service(name: &LitStr, mistakes: &mut Mistakes) {
    let text = name.value();
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = text.len() <= 63
        && text.bytes().next().is_some_and(lower)
        && text
            .bytes()
            .all(|byte| lower(byte) || matches!(byte, b'-' | b'.'));
    if !good {
        let message = format!(
            "`{text}` is not a service name; write at most 63 lowercase letters, digits, `-` and \
             `.`, starting with a letter or digit"
        );
        mistakes.at(name.span(), message);
    }
}

/// Checks a protobuf package: identifiers joined by dots, or the empty string.
pub(crate) fn check_package(name: &LitStr, mistakes: &mut Mistakes) {
    let text = name.value();
    if !text.is_empty() && !text.split('.').all(is_identifier) {
        let message = format!(
            "`{text}` is not a protobuf package; write identifiers joined by dots, for example \
             `shop.v1`"
        );
        mistakes.at(name.span(), message);
    }
}

/// Checks the name of a method on the wire: one identifier.
pub(crate) fn check_method(name: &LitStr, mistakes: &mut Mistakes) {
    let text = name.value();
    if !is_identifier(&text) {
        let message = format!(
            "`{text}` is not a method name; write one identifier of ASCII letters, digits and `_`, \
             for example `SayHello`"
        );
        mistakes.at(name.span(), message);
    }
}

/// Whether `text` is a valid identifier in protobuf.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_become_kebab_case() {
        for (name, expected) in [
            ("Greeter", "greeter"),
            ("OrderBook", "order-book"),
            ("HTTPProxy", "http-proxy"),
            ("Http2Proxy", "http2-proxy"),
            ("V1", "v1"),
            ("A", "a"),
            ("Snake_Case", "snake-case"),
            ("type", "type"),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }

    #[test]
    fn function_names_become_pascal_case() {
        for (name, expected) in [
            ("hello", "Hello"),
            ("say_hello", "SayHello"),
            ("get_http2_info", "GetHttp2Info"),
            ("_hidden", "Hidden"),
            ("type", "Type"),
        ] {
            assert_eq!(pascal(name), expected);
        }
    }

    #[test]
    fn a_client_is_in_the_module_of_its_service() {
        let path: Path = syn::parse_quote!(shop::r#type::<u8>);
        let client = client_path(&path);
        assert_eq!(quote!(#client).to_string(), "shop :: typeClient");
    }

    #[test]
    fn identifiers_are_ascii() {
        assert!(is_identifier("a_1") && is_identifier("_"));
        assert!(!is_identifier("1a") && !is_identifier("") && !is_identifier("ä"));
    }
}
