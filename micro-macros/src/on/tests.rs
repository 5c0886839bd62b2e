//! Tests of `#[micro::on]`: the expansion and the errors.

use quote::quote;

use crate::on::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn a_function_becomes_a_record() {
    let item = quote!(
        async fn begin(client: GreeterClient) -> Result<()> {}
    );
    check("on", expand(quote!(ready), item));
}

#[test]
fn without_a_result_it_succeeds() {
    let text = expand(
        quote!(stop),
        quote!(
            async fn end() {}
        ),
    )
    .to_string();
    assert!(
        text.contains("Phase :: Stop") && text.contains("Result :: Ok (())"),
        "{text}"
    );
}

#[test]
fn exactly_one_moment_is_required() {
    for keys in [
        quote!(),
        quote!(crate = x),
        quote!(start, stop),
        quote!("start"),
        quote!(begin),
    ] {
        let (item, messages) = mistakes(expand(
            keys,
            quote!(
                async fn begin() {}
            ),
        ));
        assert_eq!(item, "async fn begin () { }");
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}
