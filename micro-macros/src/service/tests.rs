//! Tests of `#[micro::service]` on structs, `impl` blocks and contracts.

use quote::quote;

use crate::service::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn a_struct_becomes_a_client_and_a_record() {
    let item = quote! {
        /// Greets.
        #[derive(Debug)]
        pub(crate) struct OrderGreeter {
            #[serde(skip)]
            billing: BillingClient,
            #[micro(default)]
            count: AtomicU64,
            #[micro(value = vec![1])]
            r#type: Vec<u8>,
        }
    };
    check("service_struct", expand(quote!(metadata(zone = "a")), item));
}

#[test]
fn a_struct_can_be_created_by_a_function() {
    let keys = quote!(
        init = Tuple::open,
        name = "x",
        package = "",
        version = "2",
        crate = crate::re
    );
    check(
        "service_init",
        expand(
            keys,
            quote!(
                struct Tuple(u8);
            ),
        ),
    );
}

#[test]
fn a_generic_struct_becomes_a_client_only() {
    let item = quote!(
        struct Orders<T> {
            store: T,
        }
    );
    check("service_generic", expand(quote!(), item));
}

#[test]
fn a_block_becomes_a_table_and_methods_of_the_client() {
    let item = quote! {
        impl Greeter {
            /// Says hello.
            #[cfg(unix)]
            #[deprecated]
            #[micro::rpc(idempotent, timeout = "1.5s")]
            pub async fn hello(
                &self,
                context: Context,
                other: &Other,
                request: Hello,
            ) -> Result<Hello> {
                half(typed);
            }

            #[rpc(name = "Nothing")]
            async fn r#async(&self) -> Result<()> {}

            const ONE: u8 = 1;
            fn helper() {}
        }
    };
    check("service_block", expand(quote!(), item));
}

#[test]
fn streams_are_found_by_signature() {
    let item = quote! {
        impl Greeter {
            #[micro::rpc]
            async fn watch(&self, request: Hello) -> Result<impl Stream<Item = Result<Self>>> {}
            #[micro::rpc]
            async fn sum(&self, numbers: Streaming<Hello>) -> Result<Hello> {}
            #[micro::rpc]
            async fn each(&self, numbers: Streaming<Hello>) -> Result<Streaming<Hello>> {}
            #[micro::rpc]
            async fn bare(&self) -> impl Stream<Item = Hello> + Send {}
        }
    };
    check("service_streams", expand(quote!(), item));
}

#[test]
fn streams_of_a_contract_are_send() {
    let item = quote! {
        trait Cart {
            #[micro::rpc]
            async fn watch(&self) -> Result<impl Stream<Item = Hello>>;
        }
    };
    check("service_contract_streams", expand(quote!(), item));
}

#[test]
fn lints_allowed_on_a_contract_are_allowed_on_its_client() {
    let item = quote! {
        #[allow(rustdoc::bare_urls)]
        #[deprecated]
        trait Cart {
            /// Like <https://example.com>.
            #[allow(rustdoc::invalid_html_tags)]
            #[micro::rpc]
            async fn get(&self) -> Result<Hello>;
        }
    };
    let text = expand(quote!(), item).to_string();
    for (attribute, count) in [
        ("# [allow (rustdoc :: bare_urls)]", 2),
        ("# [allow (rustdoc :: invalid_html_tags)]", 2),
        ("# [allow (dead_code , deprecated)]", 3),
    ] {
        assert_eq!(text.matches(attribute).count(), count, "{text}");
    }
}

#[test]
fn bodies_are_not_parsed() {
    let item = quote! {
        impl Greeter {
            #[micro::rpc]
            async fn hello(&self) -> Result<()> { half typed. }
        }
    };
    let text = expand(quote!(), item).to_string();
    assert!(
        text.contains("half typed .") && !text.contains("compile_error"),
        "{text}"
    );
}

#[test]
fn a_block_of_a_generic_service_implements_service() {
    let item = quote! {
        impl<T: Store> Orders<T> where T: Clone {
            #[micro::rpc]
            async fn take(&self, request: Hello) -> Result<Hello> {}
        }
    };
    check("service_generic_block", expand(quote!(), item));
}

#[test]
fn a_contract_becomes_a_trait_with_its_table() {
    let item = quote! {
        /// Carts.
        pub trait Cart: Debug {
            #[micro::rpc]
            async fn get(&self, request: Hello) -> Result<Hello>;
            #[micro::rpc]
            async fn clear(&self, context: Context) -> Result<()> { Ok(()) }
            fn helper(&self);
            type Other;
        }
    };
    check(
        "service_contract",
        expand(quote!(package = "shop.v1"), item),
    );
}

#[test]
fn an_implementation_of_a_contract_becomes_a_record() {
    let item = quote! {
        impl shop::Cart for CartStore {
            async fn get(&self, request: Hello) -> Result<Hello> {}
        }
    };
    check("service_implementation", expand(quote!(), item));
}

#[test]
fn items_that_do_not_parse_are_kept() {
    let (item, messages) = mistakes(expand(quote!(), quote!(impl Greeter { fn })));
    assert_eq!(item, "impl Greeter { fn }");
    assert_eq!(messages.len(), 1, "{messages:?}");
    let (item, messages) = mistakes(expand(
        quote!(),
        quote!(
            pub enum Greeter {}
        ),
    ));
    assert_eq!(item, "pub enum Greeter { }");
    assert!(
        messages[0].starts_with("`#[micro::service]` can only be applied to a struct"),
        "{messages:?}"
    );
}

#[test]
fn every_mistake_is_reported_and_the_client_is_kept() {
    let item = quote!(
        struct Greeter<'a> {
            #[micro(value)]
            a: u8,
            #[micro(defualt)]
            b: u8,
        }
    );
    let (item, messages) = mistakes(expand(quote!(name = "A", version = 3), item));
    assert!(item.contains("struct GreeterClient"), "{item}");
    assert!(!item.contains("micro (defualt)"), "{item}");
    assert_eq!(messages.len(), 5, "{messages:?}");
}
