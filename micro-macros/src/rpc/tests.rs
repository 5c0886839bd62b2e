//! What `#[micro::rpc]` makes of free functions, and what it refuses.

use quote::quote;

use crate::rpc::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn a_function_becomes_a_method_of_the_service() {
    let item = quote! {
        /// Says goodbye.
        #[cfg(unix)]
        async fn goodbye(greeter: &Greeter, request: Hello) -> Answer {}
    };
    check(
        "rpc_function",
        expand(quote!(service = inner::Greeter, name = "Bye"), item),
    );
}

#[test]
fn a_method_out_of_its_block_is_told_once() {
    let item = quote!(
        async fn hello(self) {}
    );
    let (item, messages) = mistakes(expand(quote!(nmae), item));
    assert_eq!(item, "async fn hello (self) { }");
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[test]
fn every_mistake_is_told() {
    let item = quote!(
        unsafe fn connect<T>(a: &mut A, b: impl B)
        where
            T: C,
        {
        }
    );
    let keys = quote!(service = Orders<u8>, timeout = "x", idempotent, idempotent);
    let (_, messages) = mistakes(expand(keys, item));
    let expected = [
        "`idempotent` is given twice",
        "`x` is no length of time",
        "a generic service is not collected",
        "a method is async",
        "a method has no type parameters",
        "a method has no `where` clause",
        "a method is safe to call",
        "the client has a `connect` already",
        "a service is shared by all calls",
        "a parameter has one concrete type",
        "a method returns a `Result`",
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
}
