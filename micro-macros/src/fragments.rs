//! Removes the invisible groups in which fragments of a `macro_rules!` macro arrive, so that
//! `$name:literal` is parsed like the literal itself.
//!
//! A group is kept where removing it would change the meaning: `$e * 2` with `1 + 1` for `$e`.

use proc_macro2::{Delimiter, Group, Punct, Spacing, Span, TokenStream, TokenTree};
use syn::{Item, Path, Type, Visibility};

/// Returns the tokens without the invisible groups that parsing does not need. The bodies of
/// functions keep theirs: no attribute parses a body.
pub(crate) fn flatten(tokens: TokenStream) -> TokenStream {
    if has_fragments(&tokens) {
        flat(tokens).into_iter().collect()
    } else {
        tokens
    }
}

fn has_fragments(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => {
            group.delimiter() == Delimiter::None || has_fragments(&group.stream())
        }
        _ => false,
    })
}

fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let mut out = Vec::new();
    let mut in_signature = false;
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                let inner = flat(group.stream());
                out.extend(place(&out, inner, rest.peek(), group.span()));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && in_signature => {
                in_signature = false;
                out.push(group.into());
            }
            // A rebuilt group loses the spans of its delimiters.
            TokenTree::Group(group) if has_fragments(&group.stream()) => {
                let inner = flat(group.stream()).into_iter().collect();
                out.push(grouped(group.delimiter(), inner, group.span()));
            }
            token => {
                match &token {
                    // Not the type `fn(A) -> B`.
                    TokenTree::Ident(word) if word == "fn" => {
                        in_signature = matches!(rest.peek(), Some(TokenTree::Ident(_)));
                    }
                    TokenTree::Punct(punct) if punct.as_char() == ';' => in_signature = false,
                    _ => {}
                }
                out.push(token);
            }
        }
    }
    out
}

fn grouped(delimiter: Delimiter, inner: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, inner);
    group.set_span(span);
    group.into()
}

/// Returns the tokens that replace a fragment between the tokens before it and the next one.
fn place(
    before: &[TokenTree],
    inner: Vec<TokenTree>,
    next: Option<&TokenTree>,
    span: Span,
) -> Vec<TokenTree> {
    let stream: TokenStream = inner.iter().cloned().collect();
    if is_closed(&inner, &stream) {
        return inner;
    }
    let ty = syn::parse2::<Type>(stream.clone()).ok();
    if ty.is_some() && joint(next, ':') {
        // `$ty::CONST` means `<Type>::CONST`.
        let (open, close) = (angle('<', span), angle('>', span));
        return [vec![open], inner, vec![close]].concat();
    }
    let stands_alone = match &ty {
        Some(ty) => starts_type(before, ty) && ends_type(next),
        None => starts_value(before) && ends_value(next),
    };
    if stands_alone {
        inner
    } else {
        vec![grouped(Delimiter::None, stream, span)]
    }
}

fn angle(char: char, span: Span) -> TokenTree {
    let mut punct = Punct::new(char, Spacing::Alone);
    punct.set_span(span);
    punct.into()
}

/// Whether the tokens mean the same between any other tokens.
fn is_closed(inner: &[TokenTree], stream: &TokenStream) -> bool {
    let has_arguments = |path: &Path| path.segments.iter().any(|one| !one.arguments.is_none());
    inner.len() <= 1
        || syn::parse2::<Visibility>(stream.clone()).is_ok()
        || syn::parse2::<Path>(stream.clone()).is_ok_and(|path| !has_arguments(&path))
        || syn::parse2::<Item>(stream.clone()).is_ok_and(|item| !matches!(item, Item::Macro(_)))
}

fn starts_type(before: &[TokenTree], ty: &Type) -> bool {
    match before.last() {
        Some(TokenTree::Punct(punct)) => match punct.as_char() {
            // `&dyn A + B` does not compile, a reference to the group `dyn A + B` does.
            '&' => !matches!(ty, Type::TraitObject(_) | Type::ImplTrait(_)),
            char => ",=:;<>".contains(char),
        },
        Some(TokenTree::Literal(_)) => false,
        Some(TokenTree::Ident(_) | TokenTree::Group(_)) | None => true,
    }
}

fn ends_type(next: Option<&TokenTree>) -> bool {
    match next {
        Some(TokenTree::Punct(punct)) => {
            let is_operator = punct.spacing() == Spacing::Joint && punct.as_char() == '=';
            !is_operator && ",=:;>".contains(punct.as_char())
        }
        Some(TokenTree::Group(group)) => {
            matches!(group.delimiter(), Delimiter::Brace | Delimiter::None)
        }
        Some(TokenTree::Literal(_)) => false,
        Some(TokenTree::Ident(_)) | None => true,
    }
}

fn starts_value(before: &[TokenTree]) -> bool {
    match before {
        [.., operator, TokenTree::Punct(last)] if last.as_char() == '=' => !is_joint(operator),
        [.., TokenTree::Punct(last)] => ",=:;".contains(last.as_char()),
        [.., TokenTree::Literal(_)] => false,
        _ => true,
    }
}

fn ends_value(next: Option<&TokenTree>) -> bool {
    match next {
        Some(TokenTree::Punct(punct)) => ",;".contains(punct.as_char()),
        Some(_) => false,
        None => true,
    }
}

fn is_joint(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}

fn joint(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct))
        if punct.as_char() == char && punct.spacing() == Spacing::Joint)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn fragment(tokens: TokenStream) -> TokenTree {
        grouped(Delimiter::None, tokens, Span::call_site())
    }

    /// Asserts that the result has no invisible groups and these tokens.
    fn flattens(tokens: TokenStream, expected: TokenStream) {
        let flat = flatten(tokens);
        assert!(!has_fragments(&flat), "{flat:?}");
        let text = |tokens: TokenStream| tokens.to_string().replace(' ', "");
        assert_eq!(text(flat), text(expected));
    }

    #[test]
    fn fragments_become_their_tokens() {
        let text = fragment(quote!("a.b"));
        let ty = fragment(quote!(Vec<u8>));
        let reference = fragment(quote!(&'static str));
        let minus = fragment(quote!(-1));
        let sum = fragment(quote!(1 + 2));
        let objects = fragment(quote!(dyn A + B));
        let public = fragment(quote!(pub(crate)));
        let private = fragment(quote!());
        let path = fragment(quote!(a::b));
        let meta = fragment(quote!(doc = "x"));
        let nested = fragment(quote!(Option<#ty>));
        for (tokens, expected) in [
            (quote!(#text), quote!("a.b")),
            (quote!(topic = #text, x), quote!(topic = "a.b", x)),
            (
                quote!(http(#text, body = #text)),
                quote!(http("a.b", body = "a.b")),
            ),
            (quote!(http = [#text]), quote!(http = ["a.b"])),
            (quote!(reserved(#minus, 3)), quote!(reserved(-1, 3))),
            (quote!(value = #sum), quote!(value = 1 + 2)),
            (quote!(init = #path), quote!(init = a::b)),
            (quote!(as = #ty), quote!(as = Vec<u8>)),
            (quote!(impl #ty {}), quote!(impl Vec<u8> {})),
            (quote!(impl A for #ty {}), quote!(impl A for Vec<u8> {})),
            (
                quote!(#public struct S { #private a: #ty, b: &#reference, }),
                quote!(
                    pub(crate) struct S {
                        a: Vec<u8>,
                        b: &&'static str,
                    }
                ),
            ),
            (
                quote!(struct S(#public #ty);),
                quote!(
                    struct S(pub(crate) Vec<u8>);
                ),
            ),
            (quote!(a: Box<#objects>), quote!(a: Box<dyn A + B>)),
            (quote!(a: #nested), quote!(a: Option<Vec<u8>>)),
            (
                quote!(#[#meta] struct S;),
                quote!(
                    #[doc = "x"]
                    struct S;
                ),
            ),
            (quote!(value = #ty::new()), quote!(value = <Vec<u8>>::new())),
            (quote!(value = #path::new()), quote!(value = a::b::new())),
            (
                quote!(fn f(a: #ty) -> #ty;),
                quote!(
                    fn f(a: Vec<u8>) -> Vec<u8>;
                ),
            ),
        ] {
            flattens(tokens, expected);
        }
        let item = fragment(quote!(
            struct S;
        ));
        flattens(
            quote!(#item),
            quote!(
                struct S;
            ),
        );
    }

    #[test]
    fn a_fragment_keeps_its_precedence() {
        let sum = fragment(quote!(1 + 1));
        let reference = fragment(quote!(&x));
        let objects = fragment(quote!(dyn A + B));
        let compared = fragment(quote!(b == c));
        for tokens in [
            quote!(value = #sum * 2),
            quote!(value = 2 * #sum),
            quote!(value = #sum as u8),
            quote!(value = #reference.y),
            quote!(value = a == #compared),
            quote!(a: &#objects),
        ] {
            assert!(has_fragments(&flatten(tokens.clone())), "{tokens}");
        }
    }

    #[test]
    fn the_body_of_a_function_is_not_changed() {
        let text = fragment(quote!("x"));
        let tokens = flatten(quote!(fn f(a: T) { g(#text) }));
        assert!(has_fragments(&tokens), "{tokens}");
    }
}
