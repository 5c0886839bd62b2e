//! Tests of `#[micro::message]`: errors, field numbers, and that the item is kept.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Item;

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::model::{KEYS, Message, Shape};

/// Returns the field numbers of a struct, and the errors.
fn tags(args: TokenStream, item: TokenStream) -> (Vec<u32>, Vec<String>) {
    let mut mistakes = Mistakes::new();
    let mut args = Args::parse(args, KEYS, &mut mistakes);
    let Ok(Item::Struct(mut item)) = syn::parse2(item) else {
        panic!("not a struct")
    };
    let message = Message::of_struct(&mut item, &mut args, &mut mistakes);
    let Shape::Struct(body) = message.shape else {
        panic!("not a struct")
    };
    (
        body.fields.iter().map(|field| field.tag).collect(),
        mistakes.messages(),
    )
}

#[test]
fn a_union_is_kept_with_its_error() {
    let tokens = super::message(quote!(), quote!(union U { a: u8 })).to_string();
    assert!(tokens.starts_with("union U"), "{tokens}");
    assert!(tokens.contains("write an enum with data"), "{tokens}");
}

#[test]
fn the_item_is_kept_without_helper_attributes() {
    let item = quote!(
        struct S {
            #[micro(tag = 0)]
            #[doc = "x"]
            a: u8,
            #[micro(nope)]
            b: u8,
        }
    );
    let tokens = super::message(quote!(topci = "t"), item).to_string();
    let plain = quote!(
        struct S {
            #[doc = "x"]
            a: u8,
            b: u8,
        }
    )
    .to_string();
    assert!(tokens.starts_with(&plain), "{tokens}");
    assert_eq!(tokens.matches("compile_error").count(), 3, "{tokens}");
}

#[test]
fn numbers_follow_the_order_and_skip_reserved_ones() {
    let item = quote!(
        struct S {
            a: u8,
            b: u8,
            c: u8,
        }
    );
    assert_eq!(tags(quote!(reserved(2, 4)), item), (vec![1, 3, 5], vec![]));
}

#[test]
fn explicit_numbers_are_used() {
    let item = quote!(
        struct S {
            #[micro(tag = 7)]
            a: u8,
            #[micro(tag = 2)]
            b: u8,
        }
    );
    assert_eq!(tags(quote!(), item), (vec![7, 2], vec![]));
}

#[test]
fn numbers_from_macros_are_used() {
    let piece = |tokens| proc_macro2::Group::new(proc_macro2::Delimiter::None, tokens);
    let number = piece(quote!(7));
    let item = quote!(
        struct S {
            #[micro(tag = #number)]
            a: u8,
        }
    );
    assert_eq!(tags(quote!(), item), (vec![7], vec![]));
    let number = piece(quote!(#number));
    let item = quote!(
        enum E {
            A = #number,
        }
    );
    let tokens = super::message(quote!(), item).to_string();
    assert!(!tokens.contains("compile_error"), "{tokens}");
}

#[test]
fn a_number_is_used_once() {
    let item = quote!(
        struct S {
            #[micro(tag = 7)]
            a: u8,
            #[micro(tag = 7)]
            b: u8,
        }
    );
    assert_eq!(
        tags(quote!(), item).1,
        ["field number 7 is used twice; change one of them"]
    );
}

#[test]
fn a_helper_attribute_on_the_item_is_an_error() {
    let item = quote!(
        #[micro(topic = "t")]
        struct S {}
    );
    assert_eq!(
        tags(quote!(), item).1,
        ["`#[micro(…)]` applies to fields and variants; write this key in `#[micro::message(…)]`"]
    );
}

#[test]
fn a_oneof_cannot_reserve_numbers() {
    let item = || {
        quote!(
            enum Method {
                #[micro(tag = 1)]
                Card(String),
            }
        )
    };
    for (keys, count) in [
        (quote!(oneof), 0),
        (quote!(oneof, reserved(2)), 1),
        (quote!(oneof, reserved("old")), 1),
    ] {
        let tokens = super::message(keys, item()).to_string();
        assert_eq!(tokens.matches("compile_error").count(), count, "{tokens}");
    }
}
