//! Functions, and the items of `impl` blocks and traits. Bodies are not parsed.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, TokenStreamExt, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, ImplItem, Signature, Token, TraitItem, Visibility, token};

/// A function with its body as unparsed tokens.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body; `None` for a declaration that ends in `;`.
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

/// Parses the function that an attribute is applied to. On failure, returns the output of the
/// attribute: the item and an error.
pub(crate) fn parse(item: &TokenStream, attribute: &str) -> Result<Function, TokenStream> {
    Function::parse.parse2(item.clone()).map_err(|error| {
        let is_function = item
            .clone()
            .into_iter()
            .any(|token| token.to_string() == "fn");
        let error = if is_function {
            error
        } else {
            let message =
                format!("`#[micro::{attribute}]` can only be applied to an async function");
            syn::Error::new_spanned(first(item), message)
        };
        let error = error.to_compile_error();
        quote::quote!(#item #error)
    })
}

/// The first token of the item after attributes and visibility.
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
        // `const fn` is a function, `const X` is not. No other item starts with these tokens.
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

    /// Parses the items between the braces of an `impl`.
    pub(crate) fn of_impl(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        Self::all::<ImplItem>(input)
    }

    /// Parses the items between the braces of a trait.
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

/// Returns `<Greeter>::hello` with the span of the function's name.
pub(crate) fn of_service(service: &TokenStream, ident: &Ident) -> TokenStream {
    quote_spanned!(ident.span()=> <#service>::#ident)
}

/// Returns the text of the doc comments, one line each, without the space after `///`.
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

/// Returns the `#[cfg]` attributes, which are also put on the code generated for the item.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    select(attributes, &["cfg"]).cloned().collect()
}

/// Returns the attributes with one of these names.
pub(crate) fn select<'a>(
    attributes: &'a [Attribute],
    names: &'a [&str],
) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(move |attribute| names.iter().any(|name| attribute.path().is_ident(name)))
}
