//! Tests of `#[micro::test]`: the expansion and the errors.

use quote::quote;

use crate::snapshot::{check, mistakes};
use crate::test::expand;

#[test]
fn a_function_becomes_a_test_within_an_app() {
    let item = quote! {
        #[ignore]
        async fn greets(greeter: GreeterClient) -> Result<()> {}
    };
    check(
        "test",
        expand(quote!(services = [Greeter, inner::Billing]), item),
    );
}

#[test]
fn a_function_configures_the_app() {
    let item = quote!(
        async fn greets() {}
    );
    for function in [quote!(with_pool), quote!(|app| app.provide(Pool))] {
        let text = expand(quote!(services = [Greeter], app = #function), item.clone()).to_string();
        let expected = format!("linked_service :: < Greeter > () , {function})");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn linked_runs_everything() {
    let text = expand(
        quote!(linked),
        quote!(
            async fn greets() {}
        ),
    )
    .to_string();
    assert!(text.contains("__builder . linked ()"), "{text}");
}

#[test]
fn every_mistake_is_reported() {
    let item = quote!(
        #[test]
        fn greets() {}
    );
    let (_, messages) = mistakes(expand(quote!(services = Greeter, linked, x), item));
    assert_eq!(messages.len(), 5, "{messages:?}");
}
