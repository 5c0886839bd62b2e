//! Stub impls for an item with mistakes, with unreachable bodies.
//!
//! They keep the compiler from also reporting each use of the item as "not a message". An item with
//! lifetimes gets none, because a message cannot have lifetimes.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::expand::record::Parts;
use crate::message::expand::{enumeration, implement, krate, record, serde, whole};
use crate::message::model::{Message, Shape};

/// Returns the stub impls of `message`.
pub(crate) fn stub(message: &Message) -> TokenStream {
    if message.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    let impls = match &message.shape {
        Shape::Struct(_) | Shape::Choice(_) => record::expand(message, &parts()),
        Shape::Oneof(_) => return around(message, &oneof(message)),
        Shape::Enumeration(_) => {
            let (table, field) = (table(message), enumeration::fields(message));
            quote!(#table #field)
        }
    };
    let serde = serde(message);
    around(message, &quote!(#impls #serde))
}

fn around(message: &Message, impls: &TokenStream) -> TokenStream {
    let impls = whole(&krate(message), impls);
    quote!(#[allow(unreachable_code)] #impls)
}

fn never() -> TokenStream {
    quote!(::core::unreachable!())
}

fn parts() -> Parts {
    Parts {
        names: quote!(&[]),
        describe: TokenStream::new(),
        write: never(),
        read: never(),
        to_map: quote!(::core::unreachable!();),
        from_map: never(),
    }
}

fn table(message: &Message) -> TokenStream {
    let (head, never) = (implement(message, &quote!(__micro::Enumeration)), never());
    quote! {
        #head {
            const VALUES: &'static [__micro::ValueName] = &[];

            fn full_name() -> __micro::String {
                #never
            }

            fn describe(_: &mut __micro::Types) -> __micro::String {
                #never
            }

            fn number(&self) -> i32 {
                #never
            }

            fn from_number(_: i32) -> __micro::Option<Self> {
                #never
            }
        }
    }
}

fn oneof(message: &Message) -> TokenStream {
    let (head, never) = (implement(message, &quote!(__micro::Oneof)), never());
    quote! {
        #head {
            const NAMES: &'static [__micro::FieldName] = &[];

            fn describe(
                _: &::core::primitive::str,
                _: &mut __micro::MessageDescriptor,
                _: &mut __micro::Types,
            ) {
                #never
            }

            fn write(&self, _: &mut __micro::Vec<u8>) {
                #never
            }

            fn merge(
                _: &mut __micro::Option<Self>,
                _: u32,
                _: __micro::Wire,
                _: &mut __micro::Reader<'_>,
            ) -> __micro::Result<(), __micro::DecodeError> {
                #never
            }

            fn to_map<__M: __micro::SerializeMap>(
                &self, _: &mut __M,
            ) -> __micro::Result<(), __M::Error> {
                #never
            }

            fn read_entry<'__de, __A: __micro::MapAccess<'__de>>(
                _: &mut __micro::Option<Self>,
                _: u32,
                _: &mut __micro::Entries<'_, __A>,
            ) -> __micro::Result<(), __A::Error> {
                #never
            }
        }
    }
}
