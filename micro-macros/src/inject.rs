//! Parameters that are injected from a call or from the app: how each one is created and passed.
//!
//! The compiler checks their types by the traits `FromCall` and `FromApp`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Signature, Type};

use crate::diag::Mistakes;
use crate::signature::{self, at, find, first_span};

/// An injected parameter.
pub(crate) enum Parameter {
    /// By value: anything that can be created from the call or the app.
    Owned(Type),
    /// `&T`: a service of the app.
    Borrowed(Type),
}

/// Returns the parameters without `self`.
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
                let message = "a stream must be taken by value; write `mut input: Streaming<…>`";
                mistakes.at(span, message);
                return None;
            }
            if let Some(token) = reference.mutability {
                let message = "a service is shared by all calls; write `&` instead of `&mut` and \
                               keep mutable state in a `Mutex` or an atomic";
                mistakes.on(token, message);
                return None;
            }
            Some(Parameter::Borrowed(*reference.elem))
        }
        Type::Paren(inner) => parameter(*inner.elem, mistakes),
        ty => {
            if let Some(span) = find(&ty, "impl") {
                let message = match find(&ty, "Stream") {
                    Some(_) => {
                        "a stream of requests has the type `Streaming<…>`; write it instead of \
                         `impl Stream`"
                    }
                    None => "a parameter must have a concrete type; write it instead of `impl …`",
                };
                mistakes.at(span, message);
                return None;
            }
            Some(Parameter::Owned(ty))
        }
    }
}

/// The source of injected values.
#[derive(Clone, Copy)]
enum Source {
    /// `__parts`, the parts of a call.
    Call,
    /// `__app`, the resources of the app.
    App,
}

impl Parameter {
    /// Replaces `Self` in the type, for code outside of the `impl`.
    pub(crate) fn replace_self(&mut self, service: &TokenStream) {
        let (Self::Owned(ty) | Self::Borrowed(ty)) = self;
        signature::replace_self(ty, service);
    }

    /// Returns the statement that creates the value, `let __0 = …;`, and the expression that passes
    /// it, `__0` or `&*__0`.
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
    /// Statements that create the values.
    pub(crate) makes: TokenStream,
    /// The argument expressions, in order.
    pub(crate) passes: Vec<TokenStream>,
}

impl Injected {
    /// Creates the arguments from `__app`, the resources of the app.
    pub(crate) fn of_app(private: &TokenStream, parameters: &[Parameter]) -> Self {
        let mut injected = Self::default();
        injected.add(private, parameters, Source::App);
        injected
    }

    /// Creates the arguments from `__parts`, the parts of a call. With a `receiver`, the service is
    /// the first argument.
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
