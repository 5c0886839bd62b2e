//! Tests of `#[micro::rpc]` on free functions: the expansion and the errors.

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
fn a_method_outside_of_its_block_is_reported_once() {
    let item = quote!(
        async fn hello(self) {}
    );
    let (item, messages) = mistakes(expand(quote!(nmae), item));
    assert_eq!(item, "async fn hello (self) { }");
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[test]
fn plain_http_and_limits_are_in_the_table() {
    let keys = quote!(
        service = Orders,
        max_message_size = "16MiB",
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
fn rules_have_a_short_form() {
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
fn mistakes_of_plain_http_are_reported() {
    for (keys, expected) in [
        (quote!(http), "`http` takes an HTTP method and a path"),
        (
            quote!(http = "/v1/items"),
            "`http` takes an HTTP method and a path",
        ),
        (quote!(http = []), "`http` takes an HTTP method and a path"),
        (
            quote!(http(body = "x")),
            "`http` takes an HTTP method and a path",
        ),
        (quote!(http = "get /a"), "unknown HTTP method `get`"),
        (
            quote!(http = "GET a"),
            "`a` is not a valid path: it must begin with `/`",
        ),
        (
            quote!(http = "GET /a", body = "*"),
            "a GET request has no body",
        ),
        (
            quote!(http = "POST /a", body = "a.b"),
            "`a.b` is not a field name",
        ),
        (
            quote!(http = "POST /{a}", body = "a"),
            "the path already sets the field `a`",
        ),
        (
            quote!(http = "POST /a", response_body = "*"),
            "`*` is not a field name",
        ),
        (
            quote!(body = "*"),
            "`body` and `response_body` have no effect",
        ),
        (
            quote!(http = ["GET /a", "POST /b"], body = "x"),
            "with several `http` rules",
        ),
        (
            quote!(http = ["GET /a", "GET /a"]),
            "`GET /a` is given twice",
        ),
        (
            quote!(http = "GET /a", http("GET /b")),
            "`http` is given twice",
        ),
        (quote!(max_message_size = "16MB"), "`16MB` is not a size"),
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
fn every_mistake_is_reported() {
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
        "`x` is not a duration",
        "a function cannot be added to a generic service",
        "a method must be async",
        "a method cannot have type parameters",
        "a method cannot have a `where` clause",
        "a method cannot be unsafe",
        "the client already has a method `connect`",
        "a service is shared by all calls",
        "a parameter must have a concrete type",
        "a method must return a `Result`",
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
}
