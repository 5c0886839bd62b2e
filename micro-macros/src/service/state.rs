//! `#[micro::service]` on a struct: its client, its construction and its link-time record.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Fields, Ident, Index, ItemStruct, Type};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::function;
use crate::names;
use crate::service::client::Client;
use crate::service::keys::Keys;
use crate::signature::{self, first_span, located, path_span};

/// The keys of `#[micro(…)]` on a field.
pub(crate) const HELPERS: &[&str] = &["default", "value"];

/// The source of a field's value.
enum Source {
    Injected,
    Default,
    Value(Box<Expr>),
}

struct Field {
    /// `name` or `0`.
    member: TokenStream,
    ty: Type,
    source: Source,
}

pub(super) fn expand(keys: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: ItemStruct = syn::parse2(item)?;
    let mut mistakes = Mistakes::new();
    let keys = Keys::of_struct(keys, &item.ident, &mut mistakes);
    let fields = fields(&mut item.fields, keys.init.is_some(), &mut mistakes);
    check_generics(&item, &keys, &mut mistakes);
    let client = Client {
        keys: &keys,
        attributes: &item.attrs,
        visibility: &item.vis,
        ident: &item.ident,
    };
    let client = client.expand();
    let is_generic = !item.generics.params.is_empty();
    // The client and the impl of `Service` are emitted in spite of mistakes, so that callers and
    // other `impl` blocks of the service still compile.
    let service = (!is_generic && !mistakes.is_empty()).then(|| service(&item, &keys, &quote!()));
    Ok(mistakes.finish(quote!(#item #client #service), || {
        if is_generic {
            TokenStream::new()
        } else {
            linked(&item, &keys, &fields)
        }
    }))
}

/// Returns the impl of `Service` and `beside` in an anonymous constant.
fn service(item: &ItemStruct, keys: &Keys, beside: &TokenStream) -> TokenStream {
    let (ident, private) = (&item.ident, &keys.private);
    let client = names::client(ident);
    let cfgs = function::cfgs(&item.attrs);
    quote! {
        #(#cfgs)*
        #[allow(deprecated)]
        const _: () = {
            #[automatically_derived]
            impl #private::Service for #ident {
                fn served() -> ::std::vec::Vec<#private::Served> {
                    __served()
                }
            }

            fn __served() -> ::std::vec::Vec<#private::Served> {
                #private::served::<#ident>(#client::INFO)
            }

            #beside
        };
    }
}

/// Removes `#[micro(…)]` from the fields and returns the source of each field.
fn fields(fields: &mut Fields, has_init: bool, mistakes: &mut Mistakes) -> Vec<Field> {
    let mut all = Vec::new();
    for (index, field) in fields.iter_mut().enumerate() {
        let place = field
            .attrs
            .iter()
            .find(|attribute| attribute.path().is_ident("micro"));
        let place = place.map(ToTokens::to_token_stream);
        let mut args = Args::take_helpers(&mut field.attrs, HELPERS, mistakes);
        let value = args.expr("value", mistakes);
        let default = args.flag("default", mistakes);
        args.finish(mistakes);
        if let (true, Some(place)) = (has_init, place) {
            let message = "`init` creates the whole struct; remove `#[micro(…)]` from its fields";
            mistakes.on(place, message);
        }
        if let (Some(flag), Some(_)) = (&default, &value) {
            mistakes.on(
                flag,
                "`default` and `value` exclude each other; remove one of them",
            );
        }
        let source = match (value, default) {
            (Some(value), _) => Source::Value(Box::new(value)),
            (None, Some(_)) => Source::Default,
            (None, None) => Source::Injected,
        };
        let member = match &field.ident {
            Some(ident) => quote!(#ident),
            None => Index::from(index).to_token_stream(),
        };
        all.push(Field {
            member,
            ty: field.ty.clone(),
            source,
        });
    }
    all
}

/// Rejects keys that have no effect on a generic struct, which the user creates in code.
fn check_generics(item: &ItemStruct, keys: &Keys, mistakes: &mut Mistakes) {
    if item.generics.params.is_empty() {
        return;
    }
    if let Some(init) = &keys.init {
        let message = "a generic service is not collected at link time, so `init` would never run; \
                       create the value and give it to `App::builder().service(…)`";
        mistakes.on(init, message);
    }
    if let Some(lifetime) = item.generics.lifetimes().next() {
        let message = "a service must own its data; remove the lifetime";
        mistakes.on(lifetime, message);
    }
}

/// A service that is collected: how it is made, and the record.
fn linked(item: &ItemStruct, keys: &Keys, fields: &[Field]) -> TokenStream {
    let (ident, private) = (&item.ident, &keys.private);
    let client = names::client(ident);
    let build = match &keys.init {
        Some(init) => {
            quote_spanned!(located(path_span(init))=> #private::construct::<#ident, _, _>(&#init, __app))
        }
        None => {
            let fields = fields.iter().enumerate();
            let (injected, values): (Vec<_>, Vec<_>) = fields
                .map(|(index, field)| field.value(index, private, &ident.to_string()))
                .unzip();
            let mutable = injected.iter().any(Option::is_some).then(|| quote!(mut));
            quote! {
                let #mutable __fields = #private::Fields::new(__app);
                #(#injected)*
                #private::built(__fields, || #private::Result::Ok(#ident { #(#values),* }))
            }
        }
    };
    let location = signature::location(private, Span::call_site());
    let record = quote! {
        fn __build<'__app>(__app: &'__app #private::Resources) -> #private::ServiceFuture<'__app> {
            #build
        }

        #private::submit! {
            [#private::LINKED_SERVICES] #private::LinkedService = #private::LinkedService {
                info: #client::INFO,
                type_id: ::core::any::TypeId::of::<#ident>,
                build: __build,
                served: __served,
                location: #location,
            }
        }
    };
    service(item, keys, &record)
}

impl Field {
    /// Returns the statement that injects the value, if it is injected, and `member: value`.
    fn value(
        &self,
        index: usize,
        private: &TokenStream,
        service: &str,
    ) -> (Option<TokenStream>, TokenStream) {
        let Self { member, ty, source } = self;
        let span = located(first_span(ty));
        let mut injected = None;
        let value = match source {
            Source::Injected => {
                let place = format!("field `{member}` of `{service}`");
                let name = Ident::new(&format!("__{index}"), Span::call_site());
                let make = quote_spanned!(span=> #private::field::<#ty>(&mut __fields, #place));
                injected = Some(quote!(let #name = #make;));
                quote!(#private::created(#name)?)
            }
            Source::Default => {
                quote_spanned!(span=> <#ty as ::core::default::Default>::default())
            }
            Source::Value(value) => quote!(#value),
        };
        (injected, quote!(#member: #value))
    }
}
