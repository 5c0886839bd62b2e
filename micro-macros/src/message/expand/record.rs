//! The impls that structs and enums with data share: `Record` and the traits on top of it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::expand::{about, full_name, implement, place};
use crate::message::model::Message;

/// The parts of `Record` that depend on the shape.
pub(crate) struct Parts {
    /// The value of `NAMES`.
    pub(crate) names: TokenStream,
    /// Statements that add fields to `__message`. They can use `__types`.
    pub(crate) describe: TokenStream,
    pub(crate) write: TokenStream,
    pub(crate) read: TokenStream,
    pub(crate) to_map: TokenStream,
    pub(crate) from_map: TokenStream,
}

/// Returns all impls of a struct or enum with data.
pub(crate) fn expand(message: &Message, parts: &Parts) -> TokenStream {
    let record = record(message, parts);
    let field = field(message);
    let whole = whole(message);
    let topic = message.topic.as_ref().map(|topic| {
        let head = implement(message, &quote!(__micro::Topic));
        quote!(#head { const TOPIC: &'static ::core::primitive::str = #topic; })
    });
    quote!(#record #field #whole #topic)
}

fn record(message: &Message, parts: &Parts) -> TokenStream {
    let head = implement(message, &quote!(__micro::Record));
    let (full_name, place, about) = (full_name(message), place(message), about(&message.about));
    let Parts {
        names,
        describe,
        write,
        read,
        to_map,
        from_map,
    } = parts;
    let reserved = message.reserved.arguments(false);
    quote! {
        #head {
            const NAMES: &'static [__micro::FieldName] = #names;

            fn full_name() -> __micro::String {
                #full_name
            }

            fn describe(__types: &mut __micro::Types) -> __micro::String {
                #place
                __types.message::<Self>(&__package, &__name, |__message, __types| {
                    __message.document(#about);
                    __message.reserve(#reserved);
                    #describe
                })
            }

            fn write(&self, __out: &mut __micro::Vec<u8>) {
                #write
            }

            fn read(
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<Self, __micro::DecodeError> {
                #read
            }

            fn to_map<__M: __micro::SerializeMap>(
                &self, __map: &mut __M,
            ) -> __micro::Result<(), __M::Error> {
                #to_map
                __micro::Ok(())
            }

            fn from_map<'__de, __A: __micro::MapAccess<'__de>>(
                mut __entries: __micro::Entries<'_, __A>,
            ) -> __micro::Result<Self, __A::Error> {
                #from_map
            }
        }
    }
}

/// Returns the impls of `Field` and `Element` for a type that implements `Record`.
pub(crate) fn field(message: &Message) -> TokenStream {
    let field = implement(message, &quote!(__micro::Field));
    let element = implement(message, &quote!(__micro::Element));
    quote! {
        #field {
            fn ty(__types: &mut __micro::Types) -> __micro::FieldType {
                __micro::FieldType::single(<Self as __micro::Element>::kind(__types))
            }

            fn absent(
                __bounds: &mut __micro::Bounds,
            ) -> __micro::Result<Self, __micro::DecodeError> {
                __micro::absent_record(__bounds)
            }

            fn put(&self, __tag: u32, __out: &mut __micro::Vec<u8>) {
                __micro::put_record(self, __tag, __out)
            }

            fn merge(
                __slot: &mut __micro::Option<Self>,
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<(), __micro::DecodeError> {
                __micro::merge_record(__slot, __wire, __reader)
            }

            fn to_serde<__S: __micro::serde::Serializer>(
                &self, __serializer: __S,
            ) -> __micro::Result<__S::Ok, __S::Error> {
                __micro::serialize(self, __serializer)
            }

            fn from_serde<'__de, __D: __micro::serde::Deserializer<'__de>>(
                __deserializer: __D,
                __input: &__micro::Input,
            ) -> __micro::Result<Self, __D::Error> {
                __micro::record_from_serde(__deserializer, __input)
            }
        }

        #element {
            fn kind(__types: &mut __micro::Types) -> __micro::Kind {
                __micro::Kind::Message(<Self as __micro::Record>::describe(__types))
            }

            fn put_always(&self, __tag: u32, __out: &mut __micro::Vec<u8>) {
                __micro::put_record(self, __tag, __out)
            }

            fn read(
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<Self, __micro::DecodeError> {
                __micro::read_record(__wire, __reader)
            }
        }
    }
}

fn whole(message: &Message) -> TokenStream {
    let head = implement(message, &quote!(__micro::Message));
    quote! {
        #head {
            fn describe(__types: &mut __micro::Types) -> __micro::String {
                <Self as __micro::Record>::describe(__types)
            }

            fn encode(&self, __out: &mut __micro::Vec<u8>) {
                __micro::encode(self, __out)
            }

            fn decode(
                __bytes: &__micro::Bytes, __memory: usize,
            ) -> __micro::Result<Self, __micro::Error> {
                __micro::decode(__bytes, __memory)
            }

            fn encode_json(
                &self, __out: &mut __micro::Vec<u8>,
            ) -> __micro::Result<(), __micro::Error> {
                __micro::encode_json(self, __out)
            }

            fn decode_json(
                __bytes: &[u8], __memory: usize,
            ) -> __micro::Result<Self, __micro::Error> {
                __micro::decode_json(__bytes, __memory)
            }

            fn name() -> __micro::String {
                <Self as __micro::Record>::full_name()
            }
        }
    }
}
