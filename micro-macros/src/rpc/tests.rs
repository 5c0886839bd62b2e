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
fn plain_http_and_limits_stand_in_the_table() {
    let keys = quote!(
        service = Orders,
        limit = "16MiB",
        http(
            "POST /v1/{shop}/orders:take",
            body = "order",
            response_body = "id"
        ),
        http("GET /v1/{shop}/orders/{id}"),
        http("PUT /v1/orders"),
        http("POST /v1/plain", body = "")
    );
    let item = quote!(
        async fn take(request: Take) -> Result<Taken> {}
    );
    check("rpc_http", expand(keys, item));
}

#[test]
fn one_rule_or_several_are_written_in_short() {
    let item = quote!(
        async fn take(request: Take) -> Result<Taken> {}
    );
    let short = quote!(service = Orders, http = ["GET /a", "POST /b"]);
    let long = quote!(
        service = Orders,
        http("GET /a"),
        http("POST /b", body = "*")
    );
    let text = |keys| expand(keys, item.clone()).to_string();
    assert_eq!(text(short), text(long));
    let short = quote!(service = Orders, http = "PUT /a", body = "x");
    let long = quote!(service = Orders, http("PUT /a", body = "x"));
    assert_eq!(text(short), text(long));
}

#[test]
fn mistakes_of_plain_http_are_told() {
    for (keys, expected) in [
        (quote!(http), "`http` takes a verb and a path"),
        (quote!(http = "/v1/items"), "`http` takes a verb and a path"),
        (quote!(http = []), "`http` takes a verb and a path"),
        (quote!(http(body = "x")), "`http` takes a verb and a path"),
        (quote!(http = "get /a"), "unknown verb `get`"),
        (quote!(http = "GET a"), "`a` is no path: it begins with `/`"),
        (quote!(http = "GET /a", body = "*"), "GET has no body"),
        (
            quote!(http = "POST /a", body = "a.b"),
            "`a.b` is no field of the request",
        ),
        (
            quote!(http = "POST /{a}", body = "a"),
            "`a` is in the path already",
        ),
        (
            quote!(http = "POST /a", response_body = "*"),
            "`*` is no field of the reply",
        ),
        (quote!(body = "*"), "this belongs to `http"),
        (
            quote!(http = ["GET /a", "POST /b"], body = "x"),
            "say of which one",
        ),
        (
            quote!(http = ["GET /a", "GET /a"]),
            "`GET /a` is there twice",
        ),
        (
            quote!(http = "GET /a", http("GET /b")),
            "`http` is given twice",
        ),
        (quote!(limit = "16MB"), "`16MB` is no size"),
    ] {
        let item = quote!(
            async fn take(request: Take) -> Result<Taken> {}
        );
        let text = keys.to_string();
        let (_, messages) = mistakes(expand(quote!(service = Orders, #keys), item));
        assert_eq!(messages.len(), 1, "{text}: {messages:?}");
        assert!(messages[0].starts_with(expected), "{text}: {messages:?}");
    }
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
