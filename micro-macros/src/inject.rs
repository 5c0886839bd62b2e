//! Parameters that a call or the app gives: how each is made, and how it is passed.
//!
//! What they are is left to rustc, which knows the traits `FromCall` and `FromApp`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Signature, Type};

use crate::diag::Mistakes;
use crate::signature::{self, at, find, first_span};

/// A parameter that is injected.
pub(crate) enum Parameter {
    /// By value: what the call or the app can give.
    Owned(Type),
    /// `&T`: a service.
    Borrowed(Type),
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

/// Where injected values come from.
#[derive(Clone, Copy)]
enum Source {
    /// `__parts`, the parts of a call.
    Call,
    /// `__app`, what the app holds.
    App,
}

impl Parameter {
    /// Makes its type read the same outside of the `impl`, where `Self` is another type.
    pub(crate) fn replace_self(&mut self, service: &TokenStream) {
        let (Self::Owned(ty) | Self::Borrowed(ty)) = self;
        signature::replace_self(ty, service);
    }

    /// How to make it: `let __0 = …;`, and how to pass it: `__0` or `&*__0`.
    fn inject(
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

/// The injected arguments of a function.
#[derive(Default)]
pub(crate) struct Injected {
    /// Statements that make them.
    pub(crate) makes: TokenStream,
    /// What is passed, in order.
    pub(crate) passes: Vec<TokenStream>,
}

impl Injected {
    /// Made of `__app`, what the app holds.
    pub(crate) fn of_app(private: &TokenStream, parameters: &[Parameter]) -> Self {
        let mut injected = Self::default();
        injected.add(private, parameters, Source::App);
        injected
    }

    /// Made of `__parts`, the parts of a call; the service first where it is the `receiver`.
    pub(crate) fn of_call(
        private: &TokenStream,
        receiver: Option<&TokenStream>,
        parameters: &[Parameter],
    ) -> Self {
        let mut injected = Self::default();
        if let Some(service) = receiver {
            injected.makes = quote!(let __service = __parts.service::<#service>()?;);
            injected.passes.push(quote!(&*__service));
        }
        injected.add(private, parameters, Source::Call);
        injected
    }

    fn add(&mut self, private: &TokenStream, parameters: &[Parameter], source: Source) {
        for (index, parameter) in parameters.iter().enumerate() {
            let (make, pass) = parameter.inject(index, private, source);
            self.makes.extend(make);
            self.passes.push(pass);
        }
    }
}
