//! Tests of `#[micro::error]`: the expansion and the errors.

use quote::quote;

use crate::error::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn an_enum_becomes_a_message_and_an_error() {
    let item = quote! {
        /// Errors of carts.
        #[derive(Clone)]
        pub enum CartError {
            /// The cart does not exist.
            #[micro(not_found, "no cart `{id}`", tag = 2)]
            NoCart { id: String, r#type: u8 },
            #[cfg(unix)]
            #[micro(failed_precondition, "only {0} of {1:?}")]
            #[micro(tag = 1)]
            SoldOut(u32, Vec<u8>),
            #[micro(unavailable, "closed", tag = 7)]
            Closed,
            #[micro(other)]
            Other(Error),
        }
    };
    check("error", expand(quote!(package = "shop"), item));
}

#[test]
fn an_enum_without_data_becomes_a_message_too() {
    let item = quote! {
        #[derive(Debug)]
        enum Closed {
            #[micro(unavailable, "closed")]
            Now,
        }
    };
    check(
        "error_without_data",
        expand(quote!(crate = crate::re), item),
    );
}

#[test]
fn every_mistake_is_reported() {
    let item = quote! {
        enum Wrong<T> {
            Silent,
            #[micro(not_found)]
            Speechless,
            #[micro("text")]
            Kindless,
            #[micro(nto_found, "text")]
            Misspelt,
            #[micro(not_found, aborted, "a", "b")]
            Twice,
            #[micro(aborted, "a", tga = 3)]
            Unknown,
            #[micro(aborted, " ")]
            Empty,
            #[micro(other)]
            Nothing,
            #[micro(other, aborted)]
            Other(Error),
            #[cfg(unix)]
            #[micro(other)]
            Others(Error),
        }
    };
    let (item, messages) = mistakes(expand(quote!(topic = "x"), item));
    assert!(!item.contains("micro"), "{item}");
    let expected = [
        "an enum with `#[micro::error]` cannot have generic parameters",
        "unknown key `topic`",
        "the variant `Silent` has no error kind",
        "the variant `Speechless` has no error text",
        "the variant `Kindless` has no error kind",
        "unknown error kind `nto_found`; did you mean `not_found`?",
        "a variant has one error kind; remove `aborted`",
        "a variant has one error text",
        "the error text is empty",
        "a variant with `other` must hold one `micro::Error`; write `Nothing(micro::Error)`",
        "a variant with `other` takes kind and text from the error",
        "a variant with `other` cannot have `#[cfg]`",
        "only one variant can have `other`",
        "unknown key `tga`",
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn an_item_that_is_not_an_enum_is_kept() {
    let (item, messages) = mistakes(expand(
        quote!(),
        quote!(
            struct Wrong;
        ),
    ));
    assert_eq!(item, "struct Wrong ;");
    assert!(
        messages[0].starts_with("`#[micro::error]` can only be applied to an enum"),
        "{messages:?}"
    );
}
