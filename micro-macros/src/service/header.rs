//! Parses the header and the items of an `impl` or a trait. Bodies of functions are not parsed.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Generics, Ident, Path, Token, Type, TypeParamBound, Visibility, braced};

use crate::function::Item;

/// `impl<T> Trait for Type where … { … }`.
pub(super) struct Block {
    pub(super) attributes: Vec<Attribute>,
    unsafety: Option<Token![unsafe]>,
    impl_token: Token![impl],
    pub(super) generics: Generics,
    /// The trait and the `for` token.
    pub(super) contract: Option<(Path, Token![for])>,
    pub(super) service: Type,
    pub(super) items: Vec<Item>,
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let (unsafety, impl_token) = (input.parse()?, input.parse()?);
        let mut generics: Generics = input.parse()?;
        let first: Type = input.parse()?;
        let (contract, service) = match (input.parse::<Option<Token![for]>>()?, first) {
            (None, service) => (None, service),
            (Some(token), Type::Path(path)) if path.qself.is_none() => {
                (Some((path.path, token)), input.parse()?)
            }
            (Some(_), other) => {
                return Err(syn::Error::new_spanned(
                    other,
                    "expected the path of a trait",
                ));
            }
        };
        generics.where_clause = input.parse()?;
        let content;
        braced!(content in input);
        attributes.extend(content.call(Attribute::parse_inner)?);
        let items = Item::of_impl(&content)?;
        Ok(Self {
            attributes,
            unsafety,
            impl_token,
            generics,
            contract,
            service,
            items,
        })
    }
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(outer(&self.attributes));
        self.unsafety.to_tokens(tokens);
        self.impl_token.to_tokens(tokens);
        self.generics.to_tokens(tokens);
        if let Some((path, token)) = &self.contract {
            path.to_tokens(tokens);
            token.to_tokens(tokens);
        }
        self.service.to_tokens(tokens);
        self.generics.where_clause.to_tokens(tokens);
        let (inner, items) = (inner(&self.attributes), &self.items);
        tokens.append_all(quote!({ #(#inner)* #(#items)* }));
    }
}

/// `pub trait Name: Bounds { … }`.
pub(super) struct Trait {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) unsafety: Option<Token![unsafe]>,
    keyword: Token![trait],
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    bounds: Punctuated<TypeParamBound, Token![+]>,
    pub(super) items: Vec<Item>,
}

impl Parse for Trait {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let (visibility, unsafety, keyword) = (input.parse()?, input.parse()?, input.parse()?);
        let (ident, mut generics): (_, Generics) = (input.parse()?, input.parse()?);
        let mut bounds = Punctuated::new();
        if input.parse::<Option<Token![:]>>()?.is_some() {
            while !input.peek(Token![where]) && !input.peek(syn::token::Brace) {
                bounds.push_value(input.parse()?);
                if input.peek(Token![+]) {
                    bounds.push_punct(input.parse()?);
                } else {
                    break;
                }
            }
        }
        generics.where_clause = input.parse()?;
        let content;
        braced!(content in input);
        attributes.extend(content.call(Attribute::parse_inner)?);
        let items = Item::of_trait(&content)?;
        Ok(Self {
            attributes,
            visibility,
            unsafety,
            keyword,
            ident,
            generics,
            bounds,
            items,
        })
    }
}

impl ToTokens for Trait {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            visibility,
            unsafety,
            keyword,
            ident,
            generics,
            items,
            ..
        } = self;
        let (outer, inner) = (outer(&self.attributes), inner(&self.attributes));
        let (bounds, clause) = (self.bounds.iter(), &generics.where_clause);
        tokens.append_all(quote! {
            #(#outer)*
            #visibility #unsafety #keyword #ident #generics:
                #(#bounds +)*
                ::core::marker::Sized + ::core::marker::Send + ::core::marker::Sync + 'static
            #clause
            { #(#inner)* #(#items)* }
        });
    }
}

fn outer(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| matches!(attribute.style, syn::AttrStyle::Outer))
}

fn inner(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| matches!(attribute.style, syn::AttrStyle::Inner(_)))
}
