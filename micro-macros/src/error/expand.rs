//! The expansion of an error enum, in addition to that of a message. Nothing here can fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Fields, LitStr, Path};

use crate::error::variant::{Says, Variant};
use crate::signature::{at, first_span};

/// Returns the impls in an anonymous constant.
pub(super) fn expand(ident: &Ident, variants: &[Variant], krate: Option<&Path>) -> TokenStream {
    let private = match krate {
        Some(path) => quote!(#path::__private),
        None => quote!(::micro::__private),
    };
    let other = variants.iter().find(|variant| variant.is_other());
    let standard = standard(ident, variants);
    let conversions = conversions(ident, variants, other, &private);
    let caller = match other {
        Some(_) => quote!(Self),
        None => quote!(#private::Error),
    };
    quote! {
        #[allow(deprecated, unused_variables, clippy::all, clippy::pedantic)]
        const _: () = {
            #standard

            #[automatically_derived]
            impl #private::Typed for #ident {
                fn detail_name() -> ::std::string::String {
                    #private::error::name::<Self>()
                }

                fn from_detail(__value: &[::core::primitive::u8]) -> ::core::option::Option<Self> {
                    #private::error::read(__value)
                }
            }

            #[automatically_derived]
            impl #private::MethodError for #ident {
                type Caller = #caller;
                const DESCRIBE: ::core::option::Option<#private::Describe> =
                    ::core::option::Option::Some(<Self as #private::codec::Message>::describe);

                fn into_wire_error(self) -> #private::Error {
                    ::core::convert::Into::into(self)
                }
            }

            #conversions
        };
    }
}

/// Returns the impls of `Display` and `std::error::Error`.
fn standard(ident: &Ident, variants: &[Variant]) -> TokenStream {
    let texts = arms(variants, |variant| match &variant.says {
        Says::Own(_, text) => text_of(&variant.fields, text),
        Says::Other => quote!(::core::fmt::Display::fmt(__0, __f)),
    });
    let sources = variants.iter().filter(|variant| variant.is_other());
    let sources = sources.map(
        |Variant { ident, .. }| quote!(Self::#ident(__0) => ::core::error::Error::source(__0),),
    );
    let is_whole = variants.iter().all(Variant::is_other);
    let none = (!is_whole).then(|| quote!(_ => ::core::option::Option::None,));
    quote! {
        #[automatically_derived]
        impl ::core::fmt::Display for #ident {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self { #texts }
            }
        }

        #[automatically_derived]
        impl ::core::error::Error for #ident {
            fn source(&self) -> ::core::option::Option<&(dyn ::core::error::Error + 'static)> {
                match self { #(#sources)* #none }
            }
        }
    }
}

/// Returns the conversions from and to `micro::Error`.
fn conversions(
    ident: &Ident,
    variants: &[Variant],
    other: Option<&Variant>,
    private: &TokenStream,
) -> TokenStream {
    let errors = variants.iter().map(|variant| {
        let (name, cfgs) = (&variant.ident, &variant.cfgs);
        match &variant.says {
            Says::Own(kind, _) => quote! {
                #(#cfgs)* #ident::#name { .. } =>
                    #private::error::wire_error(#private::ErrorKind::#kind, &__typed),
            },
            Says::Other => {
                let into_error = held(variant, private, "into_error");
                quote!(#(#cfgs)* #ident::#name(__other) => #into_error(__other),)
            }
        }
    });
    let downcast_or = other.map(|other| {
        let (from_error, other) = (held(other, private, "from_error"), &other.ident);
        quote! {
            #[automatically_derived]
            impl ::core::convert::From<#private::Error> for #ident {
                fn from(__error: #private::Error) -> Self {
                    #private::error::downcast_or(__error, #from_error, Self::#other)
                }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<#ident> for #private::Error {
            fn from(__typed: #ident) -> Self {
                match __typed { #(#errors)* }
            }
        }

        #downcast_or
    }
}

/// Returns a function of `OtherError` for the type in the `other` variant. Errors point to that
/// type.
fn held(variant: &Variant, private: &TokenStream, function: &str) -> TokenStream {
    let ty = variant.fields.iter().map(|field| &field.ty).next();
    let span = ty.map_or_else(Span::call_site, first_span);
    let (private, function) = (at(span, private), Ident::new(function, span));
    quote_spanned!(span=> <#ty as #private::error::OtherError>::#function)
}

/// Returns a match arm for each variant. Fields are bound to their names, or to `__0`, `__1` ….
fn arms(variants: &[Variant], make: impl Fn(&Variant) -> TokenStream) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (ident, cfgs, value) = (&variant.ident, &variant.cfgs, make(variant));
        let pattern = match &variant.fields {
            Fields::Named(fields) => {
                let names = fields.named.iter().map(|field| &field.ident);
                quote!({ #(#names,)* })
            }
            Fields::Unnamed(fields) => {
                let names = (0..fields.unnamed.len()).map(|index| format_ident!("__{index}"));
                quote!((#(#names),*))
            }
            Fields::Unit => TokenStream::new(),
        };
        quote!(#(#cfgs)* Self::#ident #pattern => #value,)
    });
    arms.collect()
}

/// Returns `write!` with the text, in which `{0}` is the first field of a tuple variant.
fn text_of(fields: &Fields, text: &LitStr) -> TokenStream {
    let text = match fields {
        Fields::Unnamed(_) => LitStr::new(&named(&text.value()), text.span()),
        _ => text.clone(),
    };
    quote!(::core::write!(__f, #text))
}

/// `{0:?}` → `{__0:?}`.
fn named(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        out.push(letter);
        if letter != '{' {
            continue;
        }
        match letters.peek() {
            Some('{') => out.extend(letters.next()),
            Some(next) if next.is_ascii_digit() => out.push_str("__"),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn field_numbers_become_names() {
        for (text, expected) in [
            ("no cart `{0}`", "no cart `{__0}`"),
            ("{0:?} of {10}", "{__0:?} of {__10}"),
            ("{{0}} {name} {", "{{0}} {name} {"),
            ("{{{0}}}", "{{{__0}}}"),
        ] {
            assert_eq!(named(text), expected);
        }
    }
}
