//! The parts of `Record` for a struct. A variant with several fields uses some of them too.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::message::body::{Body, Field};
use crate::message::expand::record::Parts;
use crate::message::expand::way::Way;
use crate::message::expand::{about, as_field, each_entry, each_key};

/// Returns the parts of `Record` for a struct.
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

/// Returns a pattern that binds every field to its slot.
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

/// Returns statements that append every bound field to `__out`.
pub(crate) fn put(body: &Body) -> TokenStream {
    each(body, |field| {
        let (slot, tag) = (&field.slot, field.tag);
        let put = match Way::of(field) {
            Way::Oneof(oneof) => return quote!(#oneof::put(#slot, __out);),
            Way::As(field_as) => quote!(#field_as::put_as),
            Way::Unpacked(unpacked) => quote!(#unpacked::put_unpacked),
            Way::Plain(plain) if field.default => quote!(#plain::put_marked),
            Way::Plain(plain) => quote!(#plain::put),
        };
        quote!(#put(#slot, #tag, __out);)
    })
}

/// Returns statements that write every bound field to `__map`.
pub(crate) fn entries(body: &Body) -> TokenStream {
    each(body, |field| {
        let (slot, json, plain) = (&field.slot, &field.json, as_field(&field.ty));
        match Way::of(field) {
            Way::Oneof(oneof) => quote!(#oneof::entries(#slot, __map)?;),
            Way::Plain(_) if field.default => quote!(#plain::entry_marked(#slot, __map, #json)?;),
            _ => quote!(#plain::entry(#slot, __map, #json)?;),
        }
    })
}

/// Returns `NAMES`: the names of the fields and of the variants of oneofs.
pub(crate) fn names(body: &Body) -> TokenStream {
    let own = each(body, |field| {
        let Field {
            tag, name, json, ..
        } = field;
        if field.oneof.is_some() {
            return quote!();
        }
        quote!(__micro::FieldName { tag: #tag, name: #name, json: #json },)
    });
    if body.oneof().is_none() {
        return quote!(&[#own]);
    }
    let oneofs = each(body, |field| match Way::of(field) {
        Way::Oneof(oneof) => quote!(#oneof::NAMES,),
        _ => quote!(),
    });
    quote! {{
        const __LISTS: &[&[__micro::FieldName]] = &[&[#own], #oneofs];
        const __ALL: [__micro::FieldName; __micro::count(__LISTS)] = __micro::concat(__LISTS);
        &__ALL
    }}
}

pub(crate) fn describe(body: &Body) -> TokenStream {
    each(body, |field| {
        let Field {
            tag, name, json, ..
        } = field;
        let (about, has_default) = (about(&field.about), field.default);
        let ty = match Way::of(field) {
            Way::Oneof(oneof) => {
                let doc = &field.about.doc;
                return quote! {{
                    #oneof::describe(#name, __message, __types);
                    __message.document_oneof(#name, #doc);
                }};
            }
            Way::As(field_as) => quote!(#field_as::ty_as),
            Way::Unpacked(unpacked) => quote!(#unpacked::ty_unpacked),
            Way::Plain(plain) if field.default => quote!(#plain::ty_marked),
            Way::Plain(plain) => quote!(#plain::ty),
        };
        let field = as_field(&field.ty);
        let required =
            (!has_default).then(|| quote!(.required(__micro::is_required(#field::absent))));
        quote! {{
            let __ty = #ty(__types);
            __message.field(#tag, [#name, #json], __ty) #required .document_field(#about);
        }}
    })
}

/// Returns the output of `make` for every field, preceded by its `cfg`.
fn each(body: &Body, make: impl Fn(&Field) -> TokenStream) -> TokenStream {
    let all = body.fields.iter().map(|field| {
        let (cfg, tokens) = (&field.about.cfg, make(field));
        if tokens.is_empty() {
            tokens
        } else {
            quote!(#(#cfg)* #tokens)
        }
    });
    all.collect()
}

fn slots(body: &Body) -> TokenStream {
    each(body, |field @ Field { slot, ty, .. }| {
        if field.oneof.is_some() {
            let oneof = quote_spanned!(ty.span()=> <#ty as __micro::OneofField>);
            quote!(let mut #slot: #ty = #oneof::unset();)
        } else {
            quote!(let mut #slot: __micro::Option<#ty> = __micro::None;)
        }
    })
}

/// Returns the expression that builds the value from the slots. `finish` converts a slot that may
/// be empty into a value.
fn build(body: &Body, finish: impl Fn(&Field) -> TokenStream) -> TokenStream {
    let fields = each(
        body,
        |field @ Field {
             member, slot, ty, ..
         }| {
            let value = if field.oneof.is_some() {
                quote!(#slot)
            } else if field.default {
                quote_spanned!(ty.span()=> __micro::or_default::<#ty>(#slot))
            } else {
                finish(field)
            };
            quote!(#member: #value,)
        },
    );
    quote!(__micro::Ok(Self { #fields }))
}

/// Returns a match arm for every field. The pattern of a plain field is its number; that of a oneof
/// is a guard that checks the numbers of its variants.
fn arms(
    body: &Body,
    own: impl Fn(&Field) -> TokenStream,
    oneof: impl Fn(&Field, &TokenStream) -> TokenStream,
) -> TokenStream {
    each(body, |field| {
        let tag = field.tag;
        if let Way::Oneof(way) = Way::of(field) {
            let result = oneof(field, &way);
            quote!(__tag if #way::has(__tag) => #result,)
        } else {
            let result = own(field);
            quote!(#tag => #result,)
        }
    })
}

pub(crate) fn read(body: &Body) -> TokenStream {
    let slots = slots(body);
    let own = |field: &Field| {
        let slot = &field.slot;
        match Way::of(field) {
            Way::As(field_as) => quote!(#field_as::merge_as(&mut #slot, __wire, __reader)),
            Way::Unpacked(unpacked) => {
                quote!(#unpacked::merge_unpacked(&mut #slot, __wire, __reader))
            }
            Way::Plain(plain) | Way::Oneof(plain) => {
                quote!(#plain::merge(&mut #slot, __wire, __reader))
            }
        }
    };
    let arms = arms(
        body,
        own,
        |Field { slot, .. }, oneof| quote!(#oneof::merge(&mut #slot, __tag, __wire, __reader)),
    );
    let build = build(body, |Field { slot, tag, ty, .. }| {
        let field = as_field(ty);
        quote!(#field::finish(#slot, __reader, #tag, Self::NAMES)?)
    });
    let keys = each_key(&arms);
    quote! {
        #slots
        #keys
        #build
    }
}

pub(crate) fn from_map(body: &Body) -> TokenStream {
    let slots = slots(body);
    let own = |Field { slot, ty, .. }: &Field| {
        let field = as_field(ty);
        quote!(#field::read_entry(&mut #slot, &mut __entries)?)
    };
    let arms = arms(
        body,
        own,
        |Field { slot, .. }, oneof| quote!(#oneof::read_entry(&mut #slot, __tag, &mut __entries)?),
    );
    let build = build(body, |Field { slot, ty, tag, .. }| {
        let field = as_field(ty);
        quote!(#field::finish_entries(#slot, &mut __entries, #tag)?)
    });
    let entries = each_entry(&arms);
    quote! {
        #slots
        #entries
        #build
    }
}
