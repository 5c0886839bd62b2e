//! A checked wrap: injected parameters, then `call: Call, next: Next<'_>`.

use proc_macro2::Ident;
use syn::{Attribute, Type};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::inject::{self, Parameter};
use crate::signature;
use crate::wrap::parse::Keys;

/// A function that wraps calls and events.
pub(super) struct Wrap {
    pub(super) ident: Ident,
    pub(super) cfgs: Vec<Attribute>,
    pub(super) keys: Keys,
    pub(super) injected: Vec<Parameter>,
    pub(super) call: Type,
    pub(super) next: Type,
    pub(super) result: Type,
}

impl Wrap {
    pub(super) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Option<Self> {
        let sig = &function.signature;
        signature::check_free(function, "a wrap", mistakes);
        let mut injected = inject::parameters(sig, mistakes);
        let (next, call) = (injected.pop(), injected.pop());
        let result = signature::output(sig);
        if result.is_none() {
            mistakes.on(
                &sig.ident,
                "a wrap must return the reply; write `-> Result<Response>`",
            );
        }
        let (Some(Parameter::Owned(call)), Some(Parameter::Owned(next))) = (call, next) else {
            let message = "a wrap must take the call and the rest of the chain as its last \
                           parameters; write `call: Call, next: Next<'_>`";
            mistakes.on(&sig.ident, message);
            return None;
        };
        Some(Self {
            ident: sig.ident.clone(),
            cfgs: function::cfgs(&function.attributes),
            keys,
            injected,
            call,
            next,
            result: result?,
        })
    }
}
