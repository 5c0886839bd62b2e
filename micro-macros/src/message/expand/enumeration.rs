//! The impls of an enum without data.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::enumeration::{Enumeration, Value};
use crate::message::expand::{about, full_name, implement, place};
use crate::message::model::Message;

pub(crate) fn expand(message: &Message, enumeration: &Enumeration) -> TokenStream {
    let (table, fields) = (table(message, enumeration), fields(message));
    quote!(#table #fields)
}

/// Returns the impls of `Field` and `Element`, which do not depend on the values.
pub(super) fn fields(message: &Message) -> TokenStream {
    let (field, element) = (field(message), element(message));
    quote!(#field #element)
}

fn table(message: &Message, enumeration: &Enumeration) -> TokenStream {
    let head = implement(message, &quote!(__micro::Enumeration));
    let (full_name, place) = (full_name(message), place(message));
    let names = names(enumeration);
    let numbers = enumeration.values.iter().map(
        |Value {
             ident,
             number,
             about,
             ..
         }| {
            let cfg = &about.cfg;
            quote!(#(#cfg)* Self::#ident => #number,)
        },
    );
    let variants = enumeration.values.iter().map(
        |Value {
             ident,
             number,
             about,
             ..
         }| {
            let cfg = &about.cfg;
            quote!(#(#cfg)* #number => __micro::Some(Self::#ident),)
        },
    );
    let other = enumeration.other.as_ref();
    let other_number = other.map(|ident| quote!(Self::#ident(__number) => *__number,));
    let rest = if let Some(ident) = other {
        quote!(__micro::Some(Self::#ident(__number)))
    } else {
        quote!(__micro::None)
    };
    let describe = describe(message, enumeration);
    quote! {
        #head {
            const VALUES: &'static [__micro::ValueName] = &[#names];

            fn full_name() -> __micro::String {
                #full_name
            }

            fn describe(__types: &mut __micro::Types) -> __micro::String {
                #place
                __types.enumeration::<Self>(&__package, &__name, |__enum| { #describe })
            }

            fn number(&self) -> i32 {
                match self { #(#numbers)* #other_number }
            }

            fn from_number(__number: i32) -> __micro::Option<Self> {
                match __number { #(#variants)* _ => #rest }
            }
        }
    }
}

/// Returns the names and aliases of the values.
fn names(enumeration: &Enumeration) -> TokenStream {
    let names = enumeration.values.iter().map(
        |Value {
             ident,
             number,
             full,
             short,
             aliases,
             about,
         }| {
            let (cfg, rust) = (&about.cfg, syn::ext::IdentExt::unraw(ident).to_string());
            let others = aliases.iter().map(|alias| quote! {
                #(#cfg)*
                __micro::ValueName { number: #number, full: #alias, short: #alias, rust: #alias },
            });
            quote! {
                #(#cfg)*
                __micro::ValueName { number: #number, full: #full, short: #short, rust: #rust },
                #(#others)*
            }
        },
    );
    names.collect()
}

fn describe(message: &Message, enumeration: &Enumeration) -> TokenStream {
    let head = about(&message.about);
    let reserved = message.reserved.arguments(true);
    let unspecified = enumeration
        .unspecified
        .as_ref()
        .map(|full| quote!(__enum.placeholder(#full);));
    let catch_all = enumeration
        .other
        .as_ref()
        .map(|_| quote!(__enum.catch_all = true;));
    // In proto3 the first value of an enum must be 0.
    let (zero, rest): (Vec<_>, Vec<_>) = enumeration
        .values
        .iter()
        .partition(|value| value.number == 0);
    let values = zero.into_iter().chain(rest).map(|value| {
        let Value {
            number,
            full,
            aliases,
            about: value_about,
            ..
        } = value;
        let (cfg, about) = (&value_about.cfg, about(value_about));
        let others = aliases
            .iter()
            .map(|alias| quote!(#(#cfg)* __enum.value(#number, #alias, "", false);));
        quote! {
            #(#cfg)* __enum.value(#number, #full, #about);
            #(#others)*
        }
    });
    quote! {
        __enum.document(#head);
        __enum.reserve(#reserved);
        #catch_all
        #unspecified
        #(#values)*
    }
}

fn field(message: &Message) -> TokenStream {
    let head = implement(message, &quote!(__micro::Field));
    quote! {
        #head {
            fn ty(__types: &mut __micro::Types) -> __micro::FieldType {
                __micro::FieldType::single(<Self as __micro::Element>::kind(__types))
            }

            fn ty_marked(__types: &mut __micro::Types) -> __micro::FieldType {
                __micro::FieldType::optional(<Self as __micro::Element>::kind(__types))
            }

            fn absent(
                __bounds: &mut __micro::Bounds,
            ) -> __micro::Result<Self, __micro::DecodeError> {
                __micro::absent_enum(__bounds)
            }

            fn put(&self, __tag: u32, __out: &mut __micro::Vec<u8>) {
                if <Self as __micro::Enumeration>::number(self) != 0 {
                    __micro::put_enum(self, __tag, __out)
                }
            }

            fn put_marked(&self, __tag: u32, __out: &mut __micro::Vec<u8>) {
                __micro::put_enum(self, __tag, __out)
            }

            fn merge(
                __slot: &mut __micro::Option<Self>,
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<(), __micro::DecodeError> {
                *__slot = __micro::Some(__micro::read_enum(__wire, __reader)?);
                __micro::Ok(())
            }

            fn omit(&self) -> bool {
                <Self as __micro::Enumeration>::number(self) == 0
            }

            fn omit_marked(&self) -> bool {
                false
            }

            fn to_serde<__S: __micro::serde::Serializer>(
                &self, __serializer: __S,
            ) -> __micro::Result<__S::Ok, __S::Error> {
                __micro::enum_to_serde(self, __serializer)
            }

            fn from_serde<'__de, __D: __micro::serde::Deserializer<'__de>>(
                __deserializer: __D,
                _: &__micro::Input,
            ) -> __micro::Result<Self, __D::Error> {
                __micro::enum_from_serde(__deserializer)
            }
        }
    }
}

fn element(message: &Message) -> TokenStream {
    let head = implement(message, &quote!(__micro::Element));
    quote! {
        #head {
            fn kind(__types: &mut __micro::Types) -> __micro::Kind {
                __micro::Kind::Enum(<Self as __micro::Enumeration>::describe(__types))
            }

            fn put_always(&self, __tag: u32, __out: &mut __micro::Vec<u8>) {
                __micro::put_enum(self, __tag, __out)
            }

            fn read(
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<Self, __micro::DecodeError> {
                __micro::read_enum(__wire, __reader)
            }

            fn put_list(__list: &[Self], __tag: u32, __out: &mut __micro::Vec<u8>) {
                __micro::put_enums(__list, __tag, __out)
            }

            fn merge_list(
                __list: &mut __micro::Vec<Self>,
                __wire: __micro::Wire,
                __reader: &mut __micro::Reader<'_>,
            ) -> __micro::Result<(), __micro::DecodeError> {
                __micro::merge_enums(__list, __wire, __reader)
            }
        }
    }
}
