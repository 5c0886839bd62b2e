//! The impl of `Oneof` for an enum with data whose variants are fields of the message that
//! contains it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::expand::choice::{describe, each, names, payload, to_map, write};
use crate::message::expand::way::merge_call;
use crate::message::expand::{as_field, implement};
use crate::message::model::Message;
use crate::message::variant::{Content, Variant};

pub(crate) fn expand(message: &Message, variants: &[Variant]) -> TokenStream {
    let head = implement(message, &quote!(__micro::Oneof));
    let (names, write) = (names(variants), write(message, variants));
    let to_map = to_map(message, variants);
    let (doc, describe) = (
        &message.about.doc,
        describe(variants, Some(&quote!(.of(__oneof)))),
    );
    let (merge, entry) = (merge(variants), read_entry(variants));
    quote! {
        #head {
            const NAMES: &'static [__micro::FieldName] = #names;

            fn describe(
                __oneof: &::core::primitive::str,
                __message: &mut __micro::MessageDescriptor,
                __types: &mut __micro::Types,
            ) {
                __message.document_oneof(__oneof, #doc);
                #describe
            }

            fn write(&self, __out: &mut __micro::Vec<u8>) {
                #write
            }

            fn merge(
                __slot: &mut __micro::Option<Self>,
                __tag: u32,
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<(), __micro::DecodeError> {
                match __tag {
                    #merge
                    _ => __reader.skip(__tag, __wire),
                }
            }

            fn to_map<__M: __micro::SerializeMap>(
                &self, __map: &mut __M,
            ) -> __micro::Result<(), __M::Error> {
                #to_map
                __micro::Ok(())
            }

            fn read_entry<'__de, __A: __micro::MapAccess<'__de>>(
                __slot: &mut __micro::Option<Self>,
                __tag: u32,
                __entries: &mut __micro::Entries<'_, __A>,
            ) -> __micro::Result<(), __A::Error> {
                let mut __chosen = __micro::Option::is_some(__slot) as u32;
                match __tag {
                    #entry
                    _ => {}
                }
                __micro::Ok(())
            }
        }
    }
}

/// Returns an expression that builds the variant from a value.
fn build(variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    match &variant.content {
        Content::One(member, _) => quote!(Self::#ident { #member: __value }),
        Content::Nothing | Content::Several(_) => quote!(Self::#ident {}),
    }
}

fn merge(variants: &[Variant]) -> TokenStream {
    each(variants, |variant| {
        let Variant {
            ident,
            tag,
            content,
            ..
        } = variant;
        let (merge, build, ty) = (merge_call(variant), build(variant), payload(variant));
        // Two messages of the same variant are merged. Another variant replaces the earlier one.
        let earlier = match content {
            Content::One(member, _) => quote! {
                match __slot.take() {
                    __micro::Some(Self::#ident { #member: __value }) => __micro::Some(__value),
                    _ => __micro::None,
                }
            },
            Content::Nothing | Content::Several(_) => quote!(__micro::None),
        };
        quote! {
            #tag => {
                let mut __inner: __micro::Option<#ty> = #earlier;
                #merge(&mut __inner, __wire, __reader)?;
                if let __micro::Some(__value) = __inner {
                    *__slot = __micro::Some(#build);
                }
                __micro::Ok(())
            }
        }
    })
}

fn read_entry(variants: &[Variant]) -> TokenStream {
    each(variants, |variant| {
        let (tag, build, ty) = (variant.tag, build(variant), payload(variant));
        let field = as_field(&ty);
        quote! {
            #tag => {
                let mut __inner: __micro::Option<#ty> = __micro::None;
                #field::read_variant(&mut __inner, __entries, &mut __chosen, #tag)?;
                if let __micro::Some(__value) = __inner {
                    *__slot = __micro::Some(#build);
                }
            }
        }
    })
}
