//! A checked test whose parameters are all injected.

use syn::Attribute;

use crate::diag::Mistakes;
use crate::function::Function;
use crate::inject::{self, Parameter};
use crate::signature;
use crate::test::parse::Keys;

/// A test that runs in its own app.
pub(super) struct Test {
    /// The function without its attributes. It becomes an inner function of the test.
    pub(super) function: Function,
    pub(super) attributes: Vec<Attribute>,
    pub(super) keys: Keys,
    pub(super) injected: Vec<Parameter>,
}

impl Test {
    pub(super) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Self {
        let sig = &function.signature;
        signature::check_free(function, "a test", mistakes);
        let again = function.attributes.iter().find(|attribute| {
            attribute
                .path()
                .segments
                .last()
                .is_some_and(|last| last.ident == "test")
        });
        if let Some(again) = again {
            mistakes.on(
                again,
                "the function has two test attributes; remove one of them",
            );
        }
        Self {
            injected: inject::parameters(sig, mistakes),
            attributes: function.attributes.clone(),
            function: Function {
                attributes: Vec::new(),
                ..function.clone()
            },
            keys,
        }
    }
}
