//! What the signatures of methods, wraps, hooks and tests have in common, checked.
//!
//! Types are not compared by name where a trait can decide: the expansion lets rustc check them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Signature, Type};

use crate::diag::Mistakes;

pub(crate) use crate::tokens::{at, find, replace};

/// A parameter that is injected.
pub(crate) enum Parameter {
    /// By value: what the call or the app can give.
    Owned(Type),
    /// `&T`: a service.
    Borrowed(Type),
}

/// Where injected values come from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// `__parts`, the parts of a call.
    Call,
    /// `__app`, what the app holds.
    App,
}

impl Parameter {
    /// How to make it: `let __0 = …;`, and how to pass it: `__0` or `&*__0`.
    pub(crate) fn inject(
        &self,
        index: usize,
        private: &TokenStream,
        source: Source,
    ) -> (TokenStream, TokenStream) {
        let name = Ident::new(&format!("__{index}"), Span::call_site());
        let (ty, pass) = match self {
            Self::Owned(ty) => (ty, quote!(#name)),
            Self::Borrowed(ty) => (ty, quote!(&*#name)),
        };
        let (from, getter) = match (source, self) {
            (Source::Call, Self::Owned(_)) => (quote!(&__parts), "parameter"),
            (Source::Call, Self::Borrowed(_)) => (quote!(&__parts), "borrowed"),
            (Source::App, Self::Owned(_)) => (quote!(__app), "injected_parameter"),
            (Source::App, Self::Borrowed(_)) => (quote!(__app), "injected_service"),
        };
        let span = first_span(ty);
        let getter = Ident::new(getter, span);
        let private = at(span, private);
        let make = quote_spanned!(span=> #private::#getter::<#ty>);
        (quote!(let #name = #make(#from)?;), pass)
    }
}

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
    if let Some(token) = &signature.unsafety {
        mistakes.on(token, format!("{what} is safe to call; remove `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.on(abi, format!("{what} is a Rust function; remove `extern`"));
    }
    if let Some(token) = &signature.constness {
        mistakes.on(token, format!("{what} runs at run time; remove `const`"));
    }
}

fn returns_future(output: &ReturnType) -> bool {
    let text = output.to_token_stream().to_string();
    text.contains("impl ") && text.contains("Future") || text.contains("BoxFuture")
}

/// The parameters beside `self`.
pub(crate) fn parameters(signature: &Signature, mistakes: &mut Mistakes) -> Vec<Parameter> {
    let typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some((*typed.ty).clone()),
        FnArg::Receiver(_) => None,
    });
    typed.filter_map(|ty| parameter(ty, mistakes)).collect()
}

fn parameter(ty: Type, mistakes: &mut Mistakes) -> Option<Parameter> {
    match ty {
        Type::Reference(reference) => {
            if let Some(span) = find(&reference.elem, "Streaming") {
                let message = "a stream is taken by value: `mut input: Streaming<…>`";
                mistakes.at(span, message);
                return None;
            }
            if let Some(token) = reference.mutability {
                let message = "a service is shared by all calls; take `&`, and keep what changes \
                               in a `Mutex` or an atomic";
                mistakes.on(token, message);
                return None;
            }
            Some(Parameter::Borrowed(*reference.elem))
        }
        Type::Paren(inner) => parameter(*inner.elem, mistakes),
        ty => {
            if let Some(span) = find(&ty, "impl") {
                let message = match find(&ty, "Stream") {
                    Some(_) => "a stream of requests is `Streaming<…>`, whatever the caller sends",
                    None => "a parameter has one concrete type, not `impl …`",
                };
                mistakes.at(span, message);
                return None;
            }
            Some(Parameter::Owned(ty))
        }
    }
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
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or(ty.span(), |last| last.ident.span()),
        ty => ty.span(),
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

/// The line a mistake at run time points to.
pub(crate) fn location(private: &TokenStream, span: Span) -> TokenStream {
    let line = quote_spanned!(span=> ::core::line!());
    quote!(#private::Location::new(::core::file!(), #line))
}
