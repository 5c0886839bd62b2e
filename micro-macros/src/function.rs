//! Functions, methods and blocks of them as they stand in the source, bodies unread.
//!
//! Knows syntax and nothing of services.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, TokenStreamExt, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, ImplItem, Signature, Token, TraitItem, Visibility, token};

/// A function: what stands before its body, and the body as it came.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// None for a `;`.
    pub(crate) body: Option<Group>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = if input.peek(token::Brace) {
            Some(input.parse()?)
        } else {
            input.parse::<Token![;]>()?;
            None
        };
        Ok(Self {
            attributes,
            visibility,
            signature,
            body,
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        match &self.body {
            Some(body) => body.to_tokens(tokens),
            None => <Token![;]>::default().to_tokens(tokens),
        }
    }
}

/// Reads the function that an attribute stands on; otherwise gives what the attribute becomes:
/// the item and an error.
pub(crate) fn parse(item: &TokenStream, attribute: &str) -> Result<Function, TokenStream> {
    Function::parse.parse2(item.clone()).map_err(|error| {
        let is_function = item
            .clone()
            .into_iter()
            .any(|token| token.to_string() == "fn");
        let error = if is_function {
            error
        } else {
            let message = format!("`#[micro::{attribute}]` goes on an async function");
            syn::Error::new_spanned(first(item), message)
        };
        let error = error.to_compile_error();
        quote::quote!(#item #error)
    })
}

/// The item's first word behind attributes and visibility.
fn first(item: &TokenStream) -> TokenStream {
    let skip = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let word: proc_macro2::TokenTree = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(word)
    };
    skip.parse2(item.clone())
        .map_or_else(|_| item.clone(), ToTokens::into_token_stream)
}

/// An item of an `impl` or a trait: a function, or anything else.
pub(crate) enum Item {
    Function(Box<Function>),
    Other(TokenStream),
}

impl Item {
    fn parse<T: Parse + ToTokens>(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        // `const fn` is a function, `const X` is none; nothing else starts like one.
        let is_function = ahead.peek(Token![fn])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || (ahead.peek(Token![const]) && !ahead.peek2(syn::Ident));
        if is_function {
            Ok(Self::Function(Box::new(input.parse()?)))
        } else {
            Ok(Self::Other(input.parse::<T>()?.into_token_stream()))
        }
    }

    /// The items between the braces of an `impl`.
    pub(crate) fn of_impl(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        Self::all::<ImplItem>(input)
    }

    /// The items between the braces of a trait.
    pub(crate) fn of_trait(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        Self::all::<TraitItem>(input)
    }

    fn all<T: Parse + ToTokens>(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(Self::parse::<T>(input)?);
        }
        Ok(items)
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

/// `<Greeter>::hello`, pointing at the function's name.
pub(crate) fn of_service(service: &TokenStream, ident: &Ident) -> TokenStream {
    quote_spanned!(ident.span()=> <#service>::#ident)
}

/// The text of doc comments, one line each, without the space that follows `///`.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(
            |attribute| match &attribute.meta.require_name_value().ok()?.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
        )
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The `#[cfg]` attributes, which go on what stands beside an item, too.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    select(attributes, &["cfg"]).cloned().collect()
}

/// The attributes of these names.
pub(crate) fn select<'a>(
    attributes: &'a [Attribute],
    names: &'a [&str],
) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(move |attribute| names.iter().any(|name| attribute.path().is_ident(name)))
}
