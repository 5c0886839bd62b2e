//! Tests of `#[micro::subscribe]`: the expansion and the errors.

use quote::quote;

use crate::snapshot::{check, mistakes};
use crate::subscribe::expand;

#[test]
fn a_function_becomes_a_record() {
    let item = quote! {
        /// Records who was greeted.
        async fn audit(ctx: Context, store: &Store, event: Greeted) -> Result<()> {}
    };
    let keys = quote!(
        "greeter.*",
        queue = "audit",
        concurrency = 4,
        retries = 2,
        backoff = "1s",
        dead_letter = "greeter.dead",
        ack = "manual",
        ack_wait = "5s",
        timeout = "2s"
    );
    check("subscribe", expand(keys, item));
}

#[test]
fn the_topic_defaults_to_that_of_the_type() {
    let item = quote!(
        async fn r#match(event: Greeted) {}
    );
    let text = expand(
        quote!(stream = "greetings", group = "audit", from = "earliest"),
        item,
    );
    let text = text.to_string();
    assert!(text.contains("topic_of :: < Greeted > ()"), "{text}");
    assert!(text.contains("\"match\""), "{text}");
    let durable = "Durable :: new (\"greetings\") . group (\"audit\") . from (\"earliest\")";
    assert!(text.contains(durable), "{text}");
}

#[test]
fn every_mistake_is_reported() {
    let good = || {
        quote!(
            async fn audit(event: Greeted) {}
        )
    };
    let cases = [
        (quote!("a..b"), 1),
        (quote!(3), 1),
        (quote!("a", "b"), 1),
        (quote!("a", queue = "a b", dead_letter = "a.*"), 2),
        (quote!(concurrency = 0, retries = 5000), 2),
        (quote!(ack = "manually"), 1),
        (quote!(ack_wait = "1s"), 1),
        (quote!(group = "a", from = "latest"), 2),
        (quote!(stream = "a", queue = "b"), 1),
        (quote!(retries = 0, backoff = "1s"), 1),
        (quote!(que = "a"), 1),
        (quote!(timeout = "soon"), 1),
    ];
    for (keys, count) in cases {
        let text = keys.to_string();
        let (item, messages) = mistakes(expand(keys, good()));
        assert_eq!(item, "async fn audit (event : Greeted) { }");
        assert_eq!(messages.len(), count, "{text}: {messages:?}");
    }
    for item in [
        quote!(
            async fn audit() {}
        ),
        quote!(
            async fn audit(event: &Greeted) {}
        ),
        quote!(
            fn audit(event: Greeted) {}
        ),
        quote!(
            async fn audit(&self, event: Greeted) {}
        ),
    ] {
        let (_, messages) = mistakes(expand(quote!(), item));
        assert_eq!(messages.len(), 1, "{messages:?}");
    }
}
