//! What the signatures of methods, subscribers, wraps, hooks and tests have in common, checked.
//!
//! Types are not compared by name where a trait can decide: the expansion lets rustc check them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Safety, Signature, Type};

use crate::diag::Mistakes;
use crate::function::Function;
use crate::tokens::replace;

pub(crate) use crate::tokens::{at, find};

/// Checks what no function of ours may be: not async, generic, unsafe ….
pub(crate) fn check(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    let name = &signature.ident;
    if signature.asyncness.is_none() && !returns_future(&signature.output) {
        let message = format!("{what} is async; write `async fn {name}`");
        mistakes.on(signature.fn_token, message);
    } else if signature.asyncness.is_none() {
        let message = format!("write `async fn {name}` instead of returning a future");
        mistakes.on(signature.fn_token, message);
    }
    if !signature.generics.params.is_empty() {
        let message = format!(
            "{what} has no type parameters or lifetimes of its own; write concrete, owned types"
        );
        mistakes.on(&signature.generics.params, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.on(
            clause.where_token,
            format!("{what} has no `where` clause; remove it"),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        mistakes.on(token, format!("{what} is safe to call; remove `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.on(abi, format!("{what} is a Rust function; remove `extern`"));
    }
    if let Some(token) = &signature.constness {
        mistakes.on(token, format!("{what} runs at run time; remove `const`"));
    }
}

/// Refuses an attribute on a method, which its block would have read. Whether it is one.
pub(crate) fn refuse_method(function: &Function, mistakes: &mut Mistakes) -> bool {
    let receiver = function.signature.receiver();
    if let Some(receiver) = receiver {
        let message = "a method is read by its block; put `#[micro::service]` on the `impl`";
        mistakes.on(receiver, message);
    }
    receiver.is_some()
}

/// Checks a function that stands outside of an `impl`.
pub(crate) fn check_free(function: &Function, what: &str, mistakes: &mut Mistakes) {
    if let Some(receiver) = function.signature.receiver() {
        let message = format!("{what} is a free function; move it out of the `impl`");
        mistakes.on(receiver, message);
    }
    check(&function.signature, what, mistakes);
}

fn returns_future(output: &ReturnType) -> bool {
    let text = output.to_token_stream().to_string();
    text.contains("impl ") && text.contains("Future") || text.contains("BoxFuture")
}

/// The declared result, unless there is none.
pub(crate) fn output(signature: &Signature) -> Option<Type> {
    match &signature.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => None,
            ty => Some(ty.clone()),
        },
        ReturnType::Default => None,
    }
}

/// Where to point for the value within a result: `Reply` in `Result<Reply>`.
pub(crate) fn inner_span(result: &Type) -> Span {
    arguments(result)
        .first()
        .map_or_else(|| first_span(result), |inner| first_span(inner))
}

/// The types between a path's last angle brackets.
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

/// The span of the last word of a path, or of the first token of another type.
pub(crate) fn first_span(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => path_span(&path.path),
        ty => ty.span(),
    }
}

/// The span of the last word of a path.
pub(crate) fn path_span(path: &Path) -> Span {
    path.segments
        .last()
        .map_or_else(|| path.span(), |last| last.ident.span())
}

/// Makes a type of an `impl` read the same outside of it, where `Self` is another type.
pub(crate) fn replace_self(ty: &mut Type, service: &TokenStream) {
    let tokens = replace(quote!(#ty), "Self", service);
    // What was a type stays one when a type takes the place of `Self`.
    if let Ok(new) = syn::parse2(tokens) {
        *ty = new;
    }
}

/// Where to point for the error of a result: `Refusal` in `Result<Reply, Refusal>`.
pub(crate) fn error_span(result: &Type) -> Span {
    let arguments = arguments(result);
    arguments
        .get(1)
        .map_or_else(|| inner_span(result), |error| first_span(error))
}

/// A call whose future may move between threads, awaited; both pointing at the function's name.
pub(crate) fn sendable(
    private: &TokenStream,
    name: &Ident,
    function: &TokenStream,
    passes: &[TokenStream],
) -> TokenStream {
    let private = at(name.span(), private);
    quote_spanned!(name.span()=> #private::sendable(#function(#(#passes),*)).await)
}

/// Statements that end in the outcome of a function, pointing at the result and its error.
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

/// The same where the outcome is no reply; without a result the function cannot fail.
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

/// The line a mistake at run time points to.
pub(crate) fn location(private: &TokenStream, span: Span) -> TokenStream {
    let line = quote_spanned!(span=> ::core::line!());
    quote!(#private::Location::new(::core::file!(), #line))
}
