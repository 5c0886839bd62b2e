//! A checked subscriber: injected parameters, then the event.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Type};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::inject::{self, Parameter};
use crate::signature;
use crate::subscribe::parse::Keys;

/// A function that receives events.
pub(crate) struct Subscriber {
    pub(crate) ident: Ident,
    pub(super) cfgs: Vec<Attribute>,
    pub(super) doc: String,
    pub(super) keys: Keys,
    /// The parameters before the event, without `self`.
    pub(super) injected: Vec<Parameter>,
    pub(super) event: Type,
    /// The declared result; `None` if the function cannot fail.
    pub(super) result: Option<Type>,
}

impl Subscriber {
    /// Checks a function. `None` if a mistake prevents further checks.
    pub(super) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Option<Self> {
        let (sig, attributes) = (&function.signature, &function.attributes);
        signature::check(sig, "a subscriber", mistakes);
        let mut injected = inject::parameters(sig, mistakes);
        let event = match injected.pop() {
            Some(Parameter::Owned(event)) => event,
            Some(Parameter::Borrowed(event)) => {
                mistakes.on(
                    event,
                    "the last parameter is the event, which must be taken by value; remove the `&`",
                );
                return None;
            }
            None => {
                let message = "a subscriber must take the event as its last parameter; write for \
                               example `event: Greeted`";
                mistakes.on(&sig.ident, message);
                return None;
            }
        };
        if !sig.generics.params.is_empty() {
            return None;
        }
        Some(Self {
            ident: sig.ident.clone(),
            cfgs: function::cfgs(attributes),
            doc: function::doc(attributes),
            keys,
            injected,
            event,
            result: signature::output(sig),
        })
    }

    /// Replaces `Self` in all types, for code outside of the `impl`.
    pub(crate) fn replace_self(&mut self, service: &TokenStream) {
        signature::replace_self(&mut self.event, service);
        if let Some(ty) = &mut self.result {
            signature::replace_self(ty, service);
        }
        for parameter in &mut self.injected {
            parameter.replace_self(service);
        }
    }
}
