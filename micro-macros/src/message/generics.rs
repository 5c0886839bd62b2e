//! Checks the generic parameters of a message, which may only be types.

use syn::{GenericParam, Generics};

use crate::diag::Mistakes;

/// Reports parameters that a message cannot have.
pub(super) fn check(generics: &Generics, mistakes: &mut Mistakes) {
    for param in &generics.params {
        match param {
            GenericParam::Lifetime(param) => mistakes.on(
                param,
                "a message must own its data; use `String`, `Vec` or `Bytes` instead of a \
                 reference",
            ),
            GenericParam::Const(param) => {
                mistakes.on(
                    param,
                    "a message cannot have const parameters; use type parameters",
                );
            }
            GenericParam::Type(_) => {}
        }
    }
}
