//! Tests of `micro::run!`: the expansion and the errors.

use quote::quote;

use crate::run::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn crates_are_named_and_the_program_runs() {
    let body = expand(quote!(uses = [orders, billing]));
    check("run", quote!(fn main() #body));
}

#[test]
fn mistakes_are_reported_in_a_block() {
    for keys in [
        quote!(uses = orders),
        quote!(uses = ["a"]),
        quote!(use = [a]),
        quote!("a"),
    ] {
        let (_, messages) = mistakes(expand(keys));
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}
