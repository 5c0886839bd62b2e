//! Periodic work, checked: every parameter is injected.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Type};

use crate::diag::Mistakes;
use crate::every::parse::Keys;
use crate::function::{self, Function};
use crate::signature::{self, Parameter};
use crate::wrap::model::check_receiver;

/// A function that runs every so often.
pub(super) struct Every {
    pub(super) ident: Ident,
    pub(super) cfgs: Vec<Attribute>,
    pub(super) period: Duration,
    pub(super) private: TokenStream,
    pub(super) injected: Vec<Parameter>,
    /// None: it cannot fail.
    pub(super) result: Option<Type>,
}

impl Every {
    pub(super) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Option<Self> {
        let sig = &function.signature;
        check_receiver(function, "periodic work", mistakes);
        signature::check(sig, "periodic work", mistakes);
        Some(Self {
            ident: sig.ident.clone(),
            cfgs: function::select(&function.attributes, &["cfg"])
                .cloned()
                .collect(),
            private: keys.private,
            injected: signature::parameters(sig, mistakes),
            result: signature::output(sig),
            period: keys.period?,
        })
    }
}
