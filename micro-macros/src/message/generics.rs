//! The parameters that a message may have: types.

use syn::{GenericParam, Generics};

use crate::diag::Mistakes;

/// Notes parameters that a message cannot have.
pub(super) fn check(generics: &Generics, mistakes: &mut Mistakes) {
    for param in &generics.params {
        match param {
            GenericParam::Lifetime(param) => mistakes.on(
                param,
                "a message owns its data: use `String`, `Vec` or `Bytes` instead of a reference",
            ),
            GenericParam::Const(param) => {
                mistakes.on(param, "a message takes no const parameters; only types");
            }
            GenericParam::Type(_) => {}
        }
    }
}
