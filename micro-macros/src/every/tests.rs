//! Tests of `#[micro::every]`: the expansion and the errors.

use quote::quote;

use crate::every::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn a_function_becomes_a_record() {
    let item = quote!(
        async fn sweep(greeter: &Greeter, client: GreeterClient) -> Result<()> {}
    );
    check("every", expand(quote!("1.5s"), item));
}

#[test]
fn every_mistake_is_reported() {
    for keys in [
        quote!(),
        quote!("30"),
        quote!(30),
        quote!("30s", leader),
        quote!("0s"),
    ] {
        let (item, messages) = mistakes(expand(
            keys,
            quote!(
                async fn sweep() {}
            ),
        ));
        assert_eq!(item, "async fn sweep () { }");
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}
