//! The trait that encodes a field or variant.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::message::body::Field;
use crate::message::encoding::Encoding;
use crate::message::expand::choice::payload;
use crate::message::expand::{as_element, as_field};
use crate::message::variant::Variant;

/// The trait that encodes a field, as `<Type as Trait>`.
pub(super) enum Way {
    Plain(TokenStream),
    As(TokenStream),
    Unpacked(TokenStream),
    Oneof(TokenStream),
}

impl Way {
    pub(super) fn of(field: &Field) -> Self {
        let (ty, span) = (&field.ty, field.ty.span());
        let marker = field.encoding.as_ref().map(Encoding::marker);
        match marker {
            _ if field.oneof.is_some() => {
                Self::Oneof(quote_spanned!(span=> <#ty as __micro::OneofField>))
            }
            marker if field.unpacked => {
                let marker = marker.unwrap_or_else(|| quote!(__micro::encoding::Plain));
                Self::Unpacked(quote_spanned!(span=> <#ty as __micro::Unpacked<#marker>>))
            }
            Some(marker) => Self::As(quote_spanned!(span=> <#ty as __micro::FieldAs<#marker>>)),
            None => Self::Plain(as_field(ty)),
        }
    }
}

/// Returns `<T as Element>::function`, or the counterpart for an explicit encoding.
pub(super) fn element_call(variant: &Variant, function: &str) -> TokenStream {
    let ty = payload(variant);
    match &variant.encoding {
        Some(encoding) => {
            let (marker, function) = (encoding.marker(), format_ident!("{function}_as"));
            quote_spanned!(ty.span()=> <#ty as __micro::ElementAs<#marker>>::#function)
        }
        None => {
            let (element, function) = (as_element(&ty), format_ident!("{function}"));
            quote!(#element::#function)
        }
    }
}

/// Returns `<T as Field>::merge`, or the counterpart for an explicit encoding.
pub(super) fn merge_call(variant: &Variant) -> TokenStream {
    if variant.encoding.is_some() {
        element_call(variant, "merge")
    } else {
        let field = as_field(&payload(variant));
        quote!(#field::merge)
    }
}
