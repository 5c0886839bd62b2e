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
fn function_configures_the_app() {
    let closure = expand(quote!(uses = [orders], |app| app.provide(open())));
    check("run_with", quote!(fn main() #closure));
    for function in [
        quote!(async |app| Ok(app)),
        quote!(move |app: Builder| async move { app }),
        quote!(configure),
        quote!(crate::configure),
    ] {
        for tokens in [
            quote!(#function),
            quote!(#function, crate = framework),
            quote!(uses = [a, b], #function,),
        ] {
            let text = expand(tokens).to_string();
            let passed = format!("}} , {function})");
            assert!(text.contains(&passed), "{text}");
        }
    }
}

#[test]
fn help_is_printed_only_if_the_program_asks_for_it() {
    let with = expand(quote!(help)).to_string();
    assert!(with.contains("print_help_if_asked"), "{with}");
    let both = expand(quote!(help, configure)).to_string();
    assert!(both.contains("run_with"), "{both}");
    let without = expand(quote!()).to_string();
    assert!(!without.contains("print_help_if_asked"), "{without}");
}

#[test]
fn mistakes_are_reported_in_a_block() {
    for keys in [
        quote!(uses = orders),
        quote!(uses = ["a"]),
        quote!(use = [a]),
        quote!("a"),
        quote!(|app| app, |app| app),
        quote!(uses = [a] | app | app),
    ] {
        let (_, messages) = mistakes(expand(keys));
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}
