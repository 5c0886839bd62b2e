//! What `#[micro::error]` makes of enums, and what it refuses.

use quote::quote;

use crate::error::expand;
use crate::snapshot::{check, mistakes};

#[test]
fn an_enum_becomes_a_message_and_an_error() {
    let item = quote! {
        /// Of carts.
        #[derive(Clone)]
        pub enum CartError {
            /// It never was.
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
fn without_data_it_is_a_message_all_the_same() {
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
fn every_mistake_is_told() {
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
        "an error that travels has one type",
        "unknown key `topic`",
        "each error has a kind and a text, and `Silent` lacks its kind",
        "each error has a kind and a text, and `Speechless` lacks what it says",
        "each error has a kind and a text, and `Kindless` lacks its kind",
        "unknown kind `nto_found`; did you mean `not_found`?",
        "an error has one kind",
        "an error says one thing",
        "say what is wrong",
        "`other` goes on a variant `Nothing(micro::Error)`",
        "an other error has its own kind",
        "what callers get depends on `other`",
        "one variant holds all other errors",
        "unknown key `tga`",
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn what_is_no_enum_comes_back() {
    let (item, messages) = mistakes(expand(
        quote!(),
        quote!(
            struct Wrong;
        ),
    ));
    assert_eq!(item, "struct Wrong ;");
    assert!(
        messages[0].starts_with("`#[micro::error]` goes on an enum"),
        "{messages:?}"
    );
}
