//! Helpers for a variant with several fields: a hidden struct for decoding, and a borrowing view
//! for encoding JSON.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Generics;

use crate::message::body::Body;
use crate::message::doc::About;
use crate::message::expand::{fields, record};
use crate::message::model::{Message, Shape};
use crate::message::reserved::Reserved;
use crate::message::variant::Variant;

/// Returns the name of the hidden struct.
///
/// The suffixes of struct and view keep the names distinct from each other, from those of other
/// variants, and from the type parameters of the impls, such as `__A`.
pub(crate) fn helper_ident(variant: &Variant) -> Ident {
    format_ident!("__{}Fields", variant.ident)
}

/// Returns the name of the view.
pub(crate) fn view_ident(variant: &Variant) -> Ident {
    format_ident!("__{}View", variant.ident)
}

/// Returns the hidden struct of a variant and its view, with their impls.
pub(crate) fn helper(message: &Message, variant: &Variant, body: &Body) -> TokenStream {
    let (ident, view) = (helper_ident(variant), view_ident(variant));
    let owned = body.fields.iter().map(|field| {
        let (slot, ty, cfg) = (&field.slot, &field.ty, &field.about.cfg);
        quote!(#(#cfg)* #slot: #ty,)
    });
    let borrowed = body.fields.iter().map(|field| {
        let (slot, ty, cfg) = (&field.slot, &field.ty, &field.about.cfg);
        quote!(#(#cfg)* #slot: &'__a #ty,)
    });
    let own = Body {
        fields: body
            .fields
            .iter()
            .map(super::super::body::Field::in_helper)
            .collect(),
    };
    let described = Message {
        ident: ident.clone(),
        generics: Generics::default(),
        name: format!(
            "{}.{}",
            message.name,
            syn::ext::IdentExt::unraw(&variant.ident)
        ),
        package: message.package.clone(),
        within: message.within.clone(),
        any: false,
        topic: None,
        krate: message.krate.clone(),
        reserved: Reserved::default(),
        about: About::default(),
        serialize: false,
        deserialize: false,
        shape: Shape::Choice(Vec::new()),
        unsent: None,
    };
    let record = record::expand(&described, &fields::record(&own));
    let (pattern, entries) = (fields::pattern(&own), fields::entries(&own));
    let cfg = &variant.about.cfg;
    quote! {
        #(#cfg)* struct #ident { #(#owned)* }
        #(#cfg)* struct #view<'__a> { #(#borrowed)* __phantom: &'__a () }
        #(#cfg)* const _: () = { #record };
        #(#cfg)*
        impl __micro::View for #view<'_> {
            fn to_map<__M: __micro::SerializeMap>(
                &self, __map: &mut __M,
            ) -> __micro::Result<(), __M::Error> {
                let Self { #pattern __phantom: _ } = self;
                #entries
                __micro::Ok(())
            }
        }
    }
}
