//! The expansion of a checked message. Nothing here can fail.
//!
//! All impls are in one `const _`, so that no name leaks. Every generated name begins with `__`.

mod choice;
mod enumeration;
mod fields;
mod helper;
mod oneof;
mod record;
mod stub;
mod way;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::message::doc::About;
use crate::message::model::{Message, Shape};
use crate::signature::located;

pub(crate) use self::stub::stub;

/// Returns the impls of a checked message.
pub(crate) fn expand(message: &Message) -> TokenStream {
    let krate = krate(message);
    let impls = match &message.shape {
        Shape::Struct(body) => record::expand(message, &fields::record(body)),
        Shape::Choice(variants) => choice::expand(message, variants),
        Shape::Oneof(variants) => return whole(&krate, &oneof::expand(message, variants)),
        Shape::Enumeration(enumeration) => enumeration::expand(message, enumeration),
    };
    let (serde, ident) = (serde(message), &message.ident);
    let linked = message.any.then(|| {
        quote! {
            #krate::__private::submit! {
                [#krate::__private::LINKED_MESSAGES] #krate::__private::LinkedMessage =
                    #krate::__private::LinkedMessage::new::<#ident>()
            }
        }
    });
    whole(&krate, &quote!(#impls #serde #linked))
}

fn krate(message: &Message) -> TokenStream {
    match &message.krate {
        Some(path) => path.to_token_stream(),
        None => quote!(::micro),
    }
}

/// Returns the impls in an anonymous constant.
fn whole(krate: &TokenStream, impls: &TokenStream) -> TokenStream {
    quote! {
        #[doc(hidden)]
        #[allow(deprecated, non_snake_case, non_camel_case_types, unused_qualifications,
            unused_imports, unused_mut, unused_variables, clippy::all, clippy::pedantic)]
        const _: () = {
            use #krate::__private::codec as __micro;
            #impls
        };
    }
}

/// Returns the header of an impl: generic parameters, bounds, trait and type.
pub(crate) fn implement(message: &Message, what: &TokenStream) -> TokenStream {
    let (ident, generics) = (&message.ident, bounded(message));
    let (parameters, arguments, clause) = generics.split_for_impl();
    // Errors about a missing impl would otherwise list the runtime's own messages.
    let is_own = |path: &syn::Path| path.is_ident("crate");
    let unlisted = message.krate.as_ref().is_some_and(is_own);
    let unlisted = unlisted.then(|| quote!(#[diagnostic::do_not_recommend]));
    quote! {
        #[automatically_derived]
        #unlisted
        impl #parameters #what for #ident #arguments #clause
    }
}

fn bounded(message: &Message) -> syn::Generics {
    let mut generics = message.generics.clone();
    let params: Vec<_> = message.type_parameters().cloned().collect();
    if !params.is_empty() {
        let clause = generics.make_where_clause();
        for param in params {
            clause.predicates.push(syn::parse_quote!(
                #param: __micro::Element + ::core::marker::Send + ::core::marker::Sync + 'static
            ));
        }
    }
    generics
}

fn serde(message: &Message) -> TokenStream {
    let mut tokens = TokenStream::new();
    let is_enum = matches!(message.shape, Shape::Enumeration(_));
    if message.serialize {
        let head = implement(message, &quote!(__micro::serde::Serialize));
        let call = if is_enum {
            quote!(enum_to_serde)
        } else {
            quote!(serialize)
        };
        tokens.extend(quote! {
            #head {
                fn serialize<__S: __micro::serde::Serializer>(
                    &self, __serializer: __S,
                ) -> __micro::Result<__S::Ok, __S::Error> {
                    __micro::#call(self, __serializer)
                }
            }
        });
    }
    if message.deserialize {
        tokens.extend(deserialize(message, is_enum));
    }
    tokens
}

fn deserialize(message: &Message, is_enum: bool) -> TokenStream {
    let mut generics = bounded(message);
    let ident = &message.ident;
    let call = if is_enum {
        quote!(enum_from_serde)
    } else {
        quote!(deserialize)
    };
    let (_, arguments, clause) = generics.split_for_impl();
    let (arguments, clause) = (quote!(#arguments), quote!(#clause));
    generics.params.insert(0, syn::parse_quote!('__de));
    let (parameters, _, _) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters __micro::serde::Deserialize<'__de> for #ident #arguments #clause {
            fn deserialize<__D: __micro::serde::Deserializer<'__de>>(
                __deserializer: __D,
            ) -> __micro::Result<Self, __D::Error> {
                __micro::#call(__deserializer)
            }
        }
    }
}

/// Returns an expression for the full name.
pub(crate) fn full_name(message: &Message) -> TokenStream {
    let name = name(message);
    match &message.within {
        Some(outer) => quote_spanned! {located(outer.span())=>
            __micro::full_name(&<#outer as __micro::Record>::full_name(), &#name)
        },
        None => {
            let package = package(message);
            quote!(__micro::full_name(&#package, &#name))
        }
    }
}

/// Returns `let (__package, __name) = …`. An outer message is described first.
pub(crate) fn place(message: &Message) -> TokenStream {
    let name = name(message);
    let place = match &message.within {
        Some(outer) => quote_spanned! {located(outer.span())=> {
            let __outer = <#outer as __micro::Record>::describe(__types);
            __types.within(&__outer, &#name)
        }},
        None => {
            let package = package(message);
            quote!((#package, #name))
        }
    };
    quote!(let (__package, __name) = #place;)
}

/// Returns an expression for the package: the one given, or the crate's name.
fn package(message: &Message) -> TokenStream {
    if let Some(package) = &message.package {
        quote!(__micro::owned(#package))
    } else {
        quote!(__micro::package(::core::env!("CARGO_PKG_NAME")))
    }
}

/// Returns an expression for the name within the package. The names of the type arguments are
/// appended to that of a generic message.
fn name(message: &Message) -> TokenStream {
    let name = &message.name;
    let params = message.type_parameters();
    quote!(__micro::name(#name, &[#(__micro::name_of::<#params>()),*]))
}

/// Returns `<Type as Field>` with the span of the type, so that a missing impl is reported there.
pub(crate) fn as_field(ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as __micro::Field>)
}

/// Returns `<Type as Element>` with the span of the type.
pub(crate) fn as_element(ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as __micro::Element>)
}

/// Returns doc comment and deprecation as arguments.
pub(crate) fn about(about: &About) -> TokenStream {
    let About {
        doc, deprecated, ..
    } = about;
    quote!(#doc, #deprecated)
}

/// Returns a loop that decodes all fields of a protobuf message. Each arm evaluates to a result.
fn each_key(arms: &TokenStream) -> TokenStream {
    quote! {
        while let __micro::Some((__tag, __wire)) = __reader.key()? {
            let __result = match __tag {
                #arms
                _ => __reader.skip(__tag, __wire),
            };
            if let __micro::Err(__fault) = __result {
                return __micro::Err(__reader.at(__fault, __tag, Self::NAMES));
            }
        }
    }
}

/// Returns a loop that decodes all entries of a map, with an arm for each field.
fn each_entry(arms: &TokenStream) -> TokenStream {
    quote! {
        while let __micro::Some(__tag) = __entries.next_field()? {
            match __tag {
                #arms
                _ => {}
            }
        }
    }
}
