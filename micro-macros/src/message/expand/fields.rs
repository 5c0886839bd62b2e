//! The parts of `Record` for a struct, and the pieces a variant with several fields needs.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::message::body::{Body, Field};
use crate::message::expand::record::Parts;
use crate::message::expand::{about, as_field};

/// The parts of `Record` for a struct.
pub(crate) fn record(body: &Body) -> Parts {
    let pattern = pattern(body);
    let (put, entries) = (put(body), entries(body));
    Parts {
        names: names(body),
        describe: describe(body),
        write: quote!(let Self { #pattern } = self; #put),
        read: read(body),
        to_map: quote!(let Self { #pattern } = self; #entries),
        from_map: from_map(body),
    }
}

/// Binds every field to its slot.
pub(crate) fn pattern(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 member,
                 slot,
                 about,
                 ..
             }| {
                let cfg = &about.cfg;
                quote!(#(#cfg)* #member: #slot,)
            },
        )
        .collect()
}

/// Appends every bound field to `__out`.
pub(crate) fn put(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 slot,
                 ty,
                 tag,
                 default,
                 about,
                 ..
             }| {
                let (cfg, field) = (&about.cfg, as_field(ty));
                let put = if *default {
                    quote!(put_marked)
                } else {
                    quote!(put)
                };
                quote!(#(#cfg)* #field::#put(#slot, #tag, __out);)
            },
        )
        .collect()
}

/// Writes every bound field to `__map`.
pub(crate) fn entries(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 slot,
                 ty,
                 json,
                 default,
                 about,
                 ..
             }| {
                let cfg = &about.cfg;
                let entry = if *default {
                    quote!(entry_marked)
                } else {
                    quote!(entry)
                };
                let field = as_field(ty);
                quote!(#(#cfg)* #field::#entry(#slot, __map, #json)?;)
            },
        )
        .collect()
}

pub(crate) fn names(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 tag,
                 name,
                 json,
                 about,
                 ..
             }| {
                let cfg = &about.cfg;
                quote!(#(#cfg)* __micro::FieldName { tag: #tag, name: #name, json: #json },)
            },
        )
        .collect()
}

pub(crate) fn describe(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 ty,
                 tag,
                 name,
                 json,
                 default,
                 about: field_about,
                 ..
             }| {
                let (cfg, field, about) = (&field_about.cfg, as_field(ty), about(field_about));
                let ty = if *default {
                    quote!(ty_marked)
                } else {
                    quote!(ty)
                };
                quote! {
                    #(#cfg)* {
                        let __ty = #field::#ty(__types);
                        __message.field(#tag, [#name, #json], __ty).about(#about);
                    }
                }
            },
        )
        .collect()
}

fn slots(body: &Body) -> TokenStream {
    body.fields
        .iter()
        .map(
            |Field {
                 slot, ty, about, ..
             }| {
                let cfg = &about.cfg;
                quote!(#(#cfg)* let mut #slot: __micro::Option<#ty> = __micro::None;)
            },
        )
        .collect()
}

/// Builds the value out of the slots; `finish` makes a value of a slot that may be empty.
fn build(body: &Body, finish: impl Fn(&Field) -> TokenStream) -> TokenStream {
    let fields = body.fields.iter().map(
        |field @ Field {
             member,
             slot,
             ty,
             default,
             about,
             ..
         }| {
            let cfg = &about.cfg;
            let value = if *default {
                quote_spanned!(ty.span()=> __micro::or_default::<#ty>(#slot))
            } else {
                finish(field)
            };
            quote!(#(#cfg)* #member: #value,)
        },
    );
    quote!(__micro::Ok(Self { #(#fields)* }))
}

pub(crate) fn read(body: &Body) -> TokenStream {
    let slots = slots(body);
    let arms = body.fields.iter().map(
        |Field {
             slot,
             ty,
             tag,
             about,
             ..
         }| {
            let (cfg, field) = (&about.cfg, as_field(ty));
            quote!(#(#cfg)* #tag => #field::merge(&mut #slot, __wire, __reader),)
        },
    );
    let build = build(body, |Field { slot, tag, ty, .. }| {
        let field = as_field(ty);
        quote!(#field::finish(#slot, __reader, #tag, Self::NAMES)?)
    });
    quote! {
        #slots
        while let __micro::Some((__tag, __wire)) = __reader.key()? {
            let __result = match __tag {
                #(#arms)*
                _ => __reader.skip(__tag, __wire),
            };
            if let __micro::Err(__fault) = __result {
                return __micro::Err(__reader.at(__fault, __tag, Self::NAMES));
            }
        }
        #build
    }
}

pub(crate) fn from_map(body: &Body) -> TokenStream {
    let slots = slots(body);
    let arms = body.fields.iter().map(
        |Field {
             slot,
             ty,
             tag,
             about,
             ..
         }| {
            let (cfg, field) = (&about.cfg, as_field(ty));
            quote!(#(#cfg)* #tag => #field::read_entry(&mut #slot, &mut __entries)?,)
        },
    );
    let build = build(body, |Field { slot, ty, tag, .. }| {
        let field = as_field(ty);
        quote!(#field::finish_entries(#slot, &mut __entries, #tag)?)
    });
    quote! {
        #slots
        while let __micro::Some(__tag) = __entries.next_field()? {
            match __tag {
                #(#arms)*
                _ => {}
            }
        }
        #build
    }
}
