//! A variant with several fields: a hidden struct to read into, a view to write JSON from.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Generics;

use crate::message::body::Body;
use crate::message::doc::About;
use crate::message::expand::{fields, record};
use crate::message::model::{Message, Shape};
use crate::message::reserved::Reserved;
use crate::message::variant::Variant;

/// The hidden struct's name. What it and the view end in keeps them apart from each other, from
/// those of other variants, and from the type parameters of the impls, such as `__A`.
pub(crate) fn helper_ident(variant: &Variant) -> Ident {
    format_ident!("__{}Fields", variant.ident)
}

/// The view's name.
pub(crate) fn view_ident(variant: &Variant) -> Ident {
    format_ident!("__{}View", variant.ident)
}

/// The variant's hidden struct: owned for reading, a view for writing JSON.
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
