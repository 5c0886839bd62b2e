//! Detects streams in a signature: `Streaming<T>` as the request, `impl Stream` as the reply.
//!
//! Both are detected by name, because the signature of the client's method depends on the type of
//! the messages. A reply of type `Streaming<T>` is detected by a trait, so aliases work for it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{
    AssocType, GenericArgument, PathArguments, Token, TraitBound, Type, TypeParamBound, parse_quote,
};

use crate::diag::Mistakes;
use crate::signature::{arguments, at, find, first_span};

/// A reply of type `impl Stream<Item = …>`, with or without a `Result` around it.
pub(crate) struct Replies {
    /// The item type of the stream.
    pub(crate) item: Type,
    /// The `Result` around the stream, with `()` in place of the stream.
    pub(crate) outcome: Type,
    /// Whether the stream is returned without a `Result`.
    is_bare: bool,
    /// The span of `Stream`.
    pub(crate) span: Span,
}

impl Replies {
    /// Returns the type of the messages.
    pub(crate) fn message(&self, private: &TokenStream) -> TokenStream {
        let (span, item) = (item_span(&self.item), &self.item);
        let private = at(span, private);
        quote_spanned!(span=> <#item as #private::Yielded>::Message)
    }

    /// Returns an expression that requires the items to be messages.
    pub(crate) fn response_spec(&self, private: &TokenStream) -> TokenStream {
        let (span, item) = (item_span(&self.item), &self.item);
        let private = at(span, private);
        quote_spanned!(span=> #private::response_stream_of::<#item>())
    }

    /// Returns statements that read the stream to its end. `travels` is the function that converts
    /// the error of the result into `micro::Error`.
    pub(crate) fn finish(
        &self,
        private: &TokenStream,
        running: &TokenStream,
        into_wire_error: &TokenStream,
    ) -> TokenStream {
        let span = self.span;
        let private = at(span, private);
        // These names are defined and used here, with the hygiene of the span. `__sink` is a
        // parameter of the surrounding closure, with the hygiene of the expansion.
        let (returned, end) = (Ident::new("__returned", span), Ident::new("__end", span));
        let out = Ident::new("__sink", span.resolved_at(Span::call_site()));
        let value = if self.is_bare {
            quote_spanned!(span=> #private::bare(#returned))
        } else {
            quote!(#returned)
        };
        let pump = quote_spanned! {span=>
            let #end = #private::pump(#value, #into_wire_error, #out).await;
            #end
        };
        quote! {
            let #returned = #running;
            #pump
        }
    }
}

/// The span of the message type of a stream: `Hello` in `Result<Hello>`.
fn item_span(item: &Type) -> Span {
    let inner = arguments(item).first().copied().unwrap_or(item);
    first_span(inner)
}

/// Returns the stream in a declared result. An error if the result cannot be served.
pub(crate) fn replies(result: &Type, mistakes: &mut Mistakes) -> Result<Option<Replies>, ()> {
    let is_bare = matches!(result, Type::ImplTrait(_));
    if let Some(bound) = stream_bound(result) {
        let span = bound.path.segments.last().map(|last| last.ident.span());
        let span = span.unwrap_or_else(Span::call_site);
        let Some(item) = item(bound) else {
            let message = "the stream has no item type; write `impl Stream<Item = Result<Reply>>`";
            mistakes.at(span, message);
            return Err(());
        };
        if let Some(span) = find(&item, "impl") {
            mistakes.at(
                span,
                "the items of a stream must have a concrete type; write it instead of `impl …`",
            );
            return Err(());
        }
        return Ok(Some(Replies {
            outcome: outcome(result, is_bare),
            item,
            is_bare,
            span,
        }));
    }
    // A returned future is reported elsewhere: a method must be async.
    if let Some(span) = find(result, "impl").filter(|_| find(result, "Future").is_none()) {
        let message = "a reply must have a concrete type; write it instead of `impl …`, or return \
                       a stream as `Result<impl Stream<Item = Result<Reply>>>`";
        mistakes.at(span, message);
        return Err(());
    }
    if find(result, "impl").is_some() {
        return Err(());
    }
    Ok(None)
}

/// Returns `Result<(), E>` for `Result<impl Stream, E>`.
fn outcome(result: &Type, is_bare: bool) -> Type {
    let mut outcome = result.clone();
    if is_bare {
        let never = quote!(::core::convert::Infallible);
        return parse_quote!(::core::result::Result<(), #never>);
    }
    if let Type::Path(path) = &mut outcome
        && let Some(last) = path.path.segments.last_mut()
        && let PathArguments::AngleBracketed(list) = &mut last.arguments
        && let Some(first) = list.args.first_mut()
    {
        *first = parse_quote!(());
    }
    outcome
}

/// Returns `Stream<…>` of an `impl Stream<…>` or `dyn Stream<…>`, also within
/// `Result<Pin<Box<…>>>`.
fn stream_bound(ty: &Type) -> Option<&TraitBound> {
    match ty {
        Type::ImplTrait(inner) => among(&inner.bounds),
        Type::TraitObject(inner) => among(&inner.bounds),
        Type::Paren(inner) => stream_bound(&inner.elem),
        ty => arguments(ty).first().and_then(|first| stream_bound(first)),
    }
}

fn among(bounds: &Punctuated<TypeParamBound, Token![+]>) -> Option<&TraitBound> {
    bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last()?;
            (last.ident == "Stream").then_some(bound)
        }
        _ => None,
    })
}

/// Returns `T` of `Stream<Item = T>`.
fn item(bound: &TraitBound) -> Option<Type> {
    let last = bound.path.segments.last()?;
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return None;
    };
    list.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Item" => {
            Some(ty.clone())
        }
        _ => None,
    })
}

/// Returns `T` of `Streaming<T>`.
pub(crate) fn requests(request: &Type) -> Option<&Type> {
    let Type::Path(path) = request else {
        return None;
    };
    let is_streaming = path.path.segments.last()?.ident == "Streaming";
    if is_streaming {
        arguments(request).first().copied()
    } else {
        None
    }
}

/// Adds `Send` to the streams in a contract's result, so that the server can poll them on any
/// thread.
pub(crate) fn make_sendable(result: &mut Type) {
    match result {
        Type::ImplTrait(inner) if among(&inner.bounds).is_some() => {
            let send = quote!(::core::marker::Send).into_token_stream();
            inner
                .bounds
                .extend(syn::parse2::<TypeParamBound>(send).ok());
        }
        Type::Paren(inner) => make_sendable(&mut inner.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last_mut() else {
                return;
            };
            if let PathArguments::AngleBracketed(list) = &mut last.arguments
                && let Some(GenericArgument::Type(first)) = list.args.first_mut()
            {
                make_sendable(first);
            }
        }
        _ => {}
    }
}
