//! A hook, checked: every parameter is injected.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Type};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::on::parse::Keys;
use crate::signature::{self, Parameter};
use crate::wrap::model::check_receiver;

/// A function that runs at a moment of the app's life.
pub(super) struct Hook {
    pub(super) ident: Ident,
    pub(super) cfgs: Vec<Attribute>,
    /// A variant of `Moment`.
    pub(super) moment: &'static str,
    pub(super) private: TokenStream,
    pub(super) injected: Vec<Parameter>,
    /// None: it cannot fail.
    pub(super) result: Option<Type>,
}

impl Hook {
    pub(super) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Option<Self> {
        let sig = &function.signature;
        check_receiver(function, "a hook", mistakes);
        signature::check(sig, "a hook", mistakes);
        Some(Self {
            ident: sig.ident.clone(),
            cfgs: function::select(&function.attributes, &["cfg"])
                .cloned()
                .collect(),
            private: keys.private,
            injected: signature::parameters(sig, mistakes),
            result: signature::output(sig),
            moment: keys.moment?,
        })
    }
}
