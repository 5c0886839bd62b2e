//! Checks that the signatures of methods, subscribers, wraps, hooks and tests have in common.
//!
//! Types are not compared by name where a trait can decide: the expansion contains bounds that the
//! compiler checks.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Safety, Signature, Type};

use crate::diag::Mistakes;
use crate::function::Function;
use crate::tokens::replace;

pub(crate) use crate::tokens::{at, find};

/// Rejects functions that are generic, unsafe, `extern`, `const` or not async.
pub(crate) fn check(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    let name = &signature.ident;
    if signature.asyncness.is_none() && !returns_future(&signature.output) {
        let message = format!("{what} must be async; write `async fn {name}`");
        mistakes.on(signature.fn_token, message);
    } else if signature.asyncness.is_none() {
        let message =
            format!("{what} must be async; write `async fn {name}` instead of returning a future");
        mistakes.on(signature.fn_token, message);
    }
    if !signature.generics.params.is_empty() {
        let message =
            format!("{what} cannot have type parameters or lifetimes; write concrete, owned types");
        mistakes.on(&signature.generics.params, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.on(
            clause.where_token,
            format!("{what} cannot have a `where` clause; remove it"),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        mistakes.on(token, format!("{what} cannot be unsafe; remove `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.on(
            abi,
            format!("{what} cannot be an `extern` function; remove `extern`"),
        );
    }
    if let Some(token) = &signature.constness {
        mistakes.on(
            token,
            format!("{what} cannot be a `const` function; remove `const`"),
        );
    }
}

/// Rejects the attribute on a method whose `impl` has no `#[micro::service]`, which would have
/// removed it. Returns whether the function is a method.
pub(crate) fn refuse_method(function: &Function, mistakes: &mut Mistakes) -> bool {
    let receiver = function.signature.receiver();
    if let Some(receiver) = receiver {
        let message = "this attribute has no effect on a method of a plain `impl`; put \
                       `#[micro::service]` on the `impl`";
        mistakes.on(receiver, message);
    }
    receiver.is_some()
}

/// Checks a function that must be outside of an `impl`.
pub(crate) fn check_free(function: &Function, what: &str, mistakes: &mut Mistakes) {
    if let Some(receiver) = function.signature.receiver() {
        let message =
            format!("{what} must be a free function without `self`; move it out of the `impl`");
        mistakes.on(receiver, message);
    }
    check(&function.signature, what, mistakes);
}

fn returns_future(output: &ReturnType) -> bool {
    let text = output.to_token_stream().to_string();
    text.contains("impl ") && text.contains("Future") || text.contains("BoxFuture")
}

/// Returns the declared return type; `None` for `()`.
pub(crate) fn output(signature: &Signature) -> Option<Type> {
    match &signature.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => None,
            ty => Some(ty.clone()),
        },
        ReturnType::Default => None,
    }
}

/// The span of the value type of a result: `Reply` in `Result<Reply>`.
pub(crate) fn inner_span(result: &Type) -> Span {
    arguments(result)
        .first()
        .map_or_else(|| first_span(result), |inner| first_span(inner))
}

/// Returns the type arguments of the last segment of a path.
pub(crate) fn arguments(ty: &Type) -> Vec<&Type> {
    let Type::Path(path) = ty else {
        return Vec::new();
    };
    let Some(last) = path.path.segments.last() else {
        return Vec::new();
    };
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return Vec::new();
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The span of the last segment of a path, or of the whole type if it is not a path.
pub(crate) fn first_span(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => path_span(&path.path),
        ty => ty.span(),
    }
}

/// The span of the last segment of a path.
pub(crate) fn path_span(path: &Path) -> Span {
    path.segments
        .last()
        .map_or_else(|| path.span(), |last| last.ident.span())
}

/// Returns the location of a span of the user with the hygiene of the expansion. A type that a
/// `macro_rules!` macro passes on has another hygiene than the code around it: a generated variable
/// with the span of the type would not be found.
pub(crate) fn located(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// Replaces `Self` in a type, for code outside of the `impl`.
pub(crate) fn replace_self(ty: &mut Type, service: &TokenStream) {
    let tokens = replace(quote!(#ty), "Self", service);
    // Replacing `Self` with a type always yields a type, so parsing does not fail.
    if let Ok(new) = syn::parse2(tokens) {
        *ty = new;
    }
}

/// The span of the error type of a result: `Refusal` in `Result<Reply, Refusal>`.
pub(crate) fn error_span(result: &Type) -> Span {
    let arguments = arguments(result);
    arguments
        .get(1)
        .map_or_else(|| inner_span(result), |error| first_span(error))
}

/// Returns an awaited call that requires its future to be `Send`. Errors point to the function's
/// name.
pub(crate) fn sendable(
    private: &TokenStream,
    name: &Ident,
    function: &TokenStream,
    passes: &[TokenStream],
) -> TokenStream {
    let private = at(name.span(), private);
    quote_spanned!(name.span()=> #private::sendable(#function(#(#passes),*)).await)
}

/// Returns statements that evaluate to the outcome of a function. Errors point to the result type
/// and its error type.
pub(crate) fn finish(
    private: &TokenStream,
    finish: &str,
    result: &Type,
    running: &TokenStream,
) -> TokenStream {
    let inner = inner_span(result);
    let finish = Ident::new(finish, inner);
    let private_there = at(inner, private);
    let returned = Ident::new("__returned", error_span(result));
    let end = quote_spanned!(inner=> #private_there::#finish::<#result>);
    quote! {
        let #returned: #result = #running;
        #end(#returned)
    }
}

/// Like [`finish`] for functions that return `Result<()>` or nothing.
pub(crate) fn finish_hook(
    private: &TokenStream,
    result: Option<&Type>,
    running: &TokenStream,
) -> TokenStream {
    match result {
        Some(result) => finish(private, "finish_hook", result, running),
        None => quote!(#running; #private::Result::Ok(())),
    }
}

/// Returns the source location for errors at run time.
pub(crate) fn location(private: &TokenStream, span: Span) -> TokenStream {
    let line = quote_spanned!(span=> ::core::line!());
    quote!(#private::Location::new(::core::file!(), #line))
}
