//! Tests of `#[micro::wrap]`: the expansion and the errors.

use quote::quote;

use crate::snapshot::{check, mistakes};
use crate::wrap::expand;

#[test]
fn a_function_becomes_a_record() {
    let item = quote! {
        async fn log(greeter: &Greeter, call: Call, next: Next<'_>) -> Result<Response> {}
    };
    let keys = quote!(
        order = -5,
        on = "client",
        service = "greeter",
        method = "hello"
    );
    check("wrap", expand(keys, item));
}

#[test]
fn without_keys_it_wraps_served_calls_and_events() {
    let item = quote!(
        async fn r#match(call: Call, next: Next<'_>) -> Result<Response> {}
    );
    let text = expand(quote!(), item).to_string();
    assert!(
        text.contains("On :: Served") && text.contains("\"match\""),
        "{text}"
    );
}

#[test]
fn every_mistake_is_reported() {
    let item = quote!(
        fn log(&self, call: Call) {}
    );
    let (_, messages) = mistakes(expand(
        quote!(on = "rcp", service = "A", method = "a b"),
        item,
    ));
    assert_eq!(messages.len(), 7, "{messages:?}");
}
