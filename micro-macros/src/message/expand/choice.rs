//! The parts of `Record` for an enum with data: a message that holds one oneof.
//!
//! A variant with several fields is decoded into a hidden struct; it is encoded directly from the
//! variant.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, parse_quote};

use crate::message::expand::helper::{helper, helper_ident, view_ident};
use crate::message::expand::record::Parts;
use crate::message::expand::way::{element_call, merge_call};
use crate::message::expand::{about, as_field, each_entry, each_key, fields, record};
use crate::message::model::Message;
use crate::message::variant::{Content, Variant};

pub(crate) fn expand(message: &Message, variants: &[Variant]) -> TokenStream {
    let parts = Parts {
        names: names(variants),
        describe: {
            let fields = describe(variants, None);
            quote!(__message.choice = true; #fields)
        },
        write: write(message, variants),
        read: read(variants),
        to_map: to_map(message, variants),
        from_map: from_map(variants),
    };
    let record = record::expand(message, &parts);
    let helpers = variants
        .iter()
        .filter_map(|variant| match &variant.content {
            Content::Several(body) => Some(helper(message, variant, body)),
            _ => None,
        });
    quote!(#record #(#helpers)*)
}

/// Returns the type of a variant's slot.
pub(super) fn payload(variant: &Variant) -> Type {
    match &variant.content {
        Content::Nothing => parse_quote!(()),
        Content::One(_, ty) => (**ty).clone(),
        Content::Several(_) => {
            let ident = helper_ident(variant);
            parse_quote!(#ident)
        }
    }
}

pub(super) fn each(variants: &[Variant], make: impl Fn(&Variant) -> TokenStream) -> TokenStream {
    variants
        .iter()
        .map(|variant| {
            let (cfg, tokens) = (&variant.about.cfg, make(variant));
            quote!(#(#cfg)* #tokens)
        })
        .collect()
}

pub(super) fn names(variants: &[Variant]) -> TokenStream {
    let names = each(
        variants,
        |Variant {
             tag, name, json, ..
         }| { quote!(__micro::FieldName { tag: #tag, name: #name, json: #json },) },
    );
    quote!(&[#names])
}

/// Returns statements that add a field for each variant. With `of` it is a member of that oneof.
pub(super) fn describe(variants: &[Variant], of: Option<&TokenStream>) -> TokenStream {
    each(variants, |variant| {
        let Variant {
            tag, name, json, ..
        } = variant;
        let (kind, about) = (element_call(variant, "kind"), about(&variant.about));
        quote! {{
            let __ty = __micro::FieldType::single(#kind(__types));
            __message.field(#tag, [#name, #json], __ty) #of .document_field(#about);
        }}
    })
}

pub(super) fn write(message: &Message, variants: &[Variant]) -> TokenStream {
    let arms = each(
        variants,
        |variant @ Variant {
             ident,
             tag,
             content,
             ..
         }| match content {
            Content::Nothing => quote! {
                Self::#ident { .. } => <() as __micro::Element>::put_always(&(), #tag, __out),
            },
            Content::One(member, _) => {
                let put = element_call(variant, "put_always");
                quote!(Self::#ident { #member: __value } => #put(__value, #tag, __out),)
            }
            Content::Several(body) => {
                let (pattern, put) = (fields::pattern(body), fields::put(body));
                quote! {
                    Self::#ident { #pattern } => __micro::put_nested(#tag, __out, |__out| { #put }),
                }
            }
        },
    );
    whole(message, &arms)
}

/// Returns a match over all variants, including the one that is not encoded.
fn whole(message: &Message, arms: &TokenStream) -> TokenStream {
    let unsent = message.unsent.iter();
    quote!(match self { #arms #(Self::#unsent { .. } => {})* })
}

fn slots(variants: &[Variant]) -> TokenStream {
    let slots = each(variants, |variant| {
        let (slot, ty) = (&variant.slot, payload(variant));
        quote!(let mut #slot: __micro::Option<#ty> = __micro::None;)
    });
    quote!(#slots let mut __chosen = 0u32;)
}

/// Returns code that selects the variant of `__chosen`, if its slot is filled.
fn choose(variants: &[Variant]) -> TokenStream {
    let arms = each(
        variants,
        |Variant {
             ident,
             slot,
             tag,
             content,
             ..
         }| {
            let build = match content {
                Content::Nothing => quote!(Self::#ident {}),
                Content::One(member, _) => quote!(Self::#ident { #member: __value }),
                Content::Several(body) => {
                    let fields = body.fields.iter().map(|field| {
                        let (member, slot, cfg) = (&field.member, &field.slot, &field.about.cfg);
                        quote!(#(#cfg)* #member: __value.#slot,)
                    });
                    quote!(Self::#ident { #(#fields)* })
                }
            };
            quote! {
                #tag => if let __micro::Some(__value) = #slot { return __micro::Ok(#build); },
            }
        },
    );
    quote!(match __chosen { #arms _ => {} })
}

fn read(variants: &[Variant]) -> TokenStream {
    let (slots, choose) = (slots(variants), choose(variants));
    let arms = each(variants, |variant| {
        let Variant { slot, tag, .. } = variant;
        let merge = merge_call(variant);
        // Another variant in between discards the value that was read before.
        quote! {
            #tag => {
                if __chosen != #tag {
                    #slot = __micro::None;
                    __chosen = #tag;
                }
                #merge(&mut #slot, __wire, __reader)
            }
        }
    });
    let keys = each_key(&arms);
    quote! {
        #slots
        #keys
        #choose
        __micro::Err(__micro::DecodeError::Choice)
    }
}

pub(super) fn to_map(message: &Message, variants: &[Variant]) -> TokenStream {
    let arms = each(variants, |variant| {
        let Variant {
            ident,
            json,
            content,
            ..
        } = variant;
        match content {
            Content::Nothing => quote! {
                Self::#ident { .. } => <() as __micro::Field>::entry_always(&(), __map, #json)?,
            },
            Content::One(member, ty) => {
                let field = as_field(ty);
                quote! {
                    Self::#ident { #member: __value } => {
                        #field::entry_always(__value, __map, #json)?
                    }
                }
            }
            Content::Several(body) => {
                let (view, pattern) = (view_ident(variant), fields::pattern(body));
                let slots = body.fields.iter().map(|field| {
                    let (slot, cfg) = (&field.slot, &field.about.cfg);
                    quote!(#(#cfg)* #slot,)
                });
                quote! {
                    Self::#ident { #pattern } => __micro::entry_view(
                        __map, #json, &#view { #(#slots)* __phantom: &() },
                    )?,
                }
            }
        }
    });
    whole(message, &arms)
}

fn from_map(variants: &[Variant]) -> TokenStream {
    let (slots, choose) = (slots(variants), choose(variants));
    let arms = each(variants, |variant| {
        let (slot, tag, field) = (&variant.slot, variant.tag, as_field(&payload(variant)));
        quote! {
            #tag => #field::read_variant(&mut #slot, &mut __entries, &mut __chosen, #tag)?,
        }
    });
    let entries = each_entry(&arms);
    quote! {
        #slots
        #entries
        #choose
        __entries.none_chosen()
    }
}
