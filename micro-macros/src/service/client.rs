//! The client of a service or contract: its type and the methods that every client has.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Attribute, Visibility};

use crate::function;
use crate::names;
use crate::service::keys::Keys;
use crate::signature;

/// The input for the expansion of a client.
pub(super) struct Client<'a> {
    pub(super) keys: &'a Keys,
    pub(super) attributes: &'a [Attribute],
    pub(super) visibility: &'a Visibility,
    pub(super) ident: &'a Ident,
}

impl Client<'_> {
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            keys,
            visibility,
            ident,
            ..
        } = self;
        let (private, client, info) = (&keys.private, names::client(ident), self.info());
        let cfgs = function::cfgs(self.attributes);
        let deprecated = function::select(self.attributes, &["deprecated"]);
        let doc = format!("Client of the service `{}`.", keys.name);
        let calls = cfg!(feature = "client").then(|| self.calls());
        quote! {
            #(#cfgs)*
            #(#deprecated)*
            #[doc = #doc]
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            #[allow(dead_code, non_camel_case_types)]
            #visibility struct #client {
                client: #private::Client,
            }

            #(#cfgs)*
            #[allow(dead_code, deprecated)]
            impl #client {
                /// Names, version and metadata of the service.
                pub const INFO: #private::ServiceInfo = #info;
            }

            #calls
        }
    }

    /// Returns the parts that need the runtime's client, with the feature `client`.
    fn calls(&self) -> TokenStream {
        let (private, client) = (&self.keys.private, names::client(self.ident));
        let cfgs = function::cfgs(self.attributes);
        quote! {
            #(#cfgs)*
            #[allow(dead_code, deprecated)]
            impl #client {
                /// Creates a client that calls through `client`.
                pub fn new(client: #private::Client) -> Self {
                    Self { client }
                }

                /// Creates a client from the settings of file and environment, for programs
                /// without an app.
                ///
                /// # Errors
                ///
                /// If settings are invalid. The error lists all of them.
                pub async fn connect() -> #private::Result<Self> {
                    #private::Result::Ok(Self::new(#private::connect().await?))
                }

                /// Restricts the calls of this client to nodes of a version: `1.2` also matches
                /// `1.2.7`.
                #[must_use]
                pub fn with_version(
                    &self,
                    version: impl ::core::convert::Into<::std::string::String>,
                ) -> Self {
                    let filter = self.client.filter().version(version);
                    Self::new(self.client.with_filter(filter))
                }

                /// Restricts the calls of this client to nodes that registered this metadata. If
                /// there are several labels, all must match.
                #[must_use]
                pub fn with_label(
                    &self,
                    key: impl ::core::convert::Into<::std::string::String>,
                    value: impl ::core::convert::Into<::std::string::String>,
                ) -> Self {
                    let filter = self.client.filter().label(key, value);
                    Self::new(self.client.with_filter(filter))
                }

                #[doc(hidden)]
                pub fn __client(&self) -> &#private::Client {
                    &self.client
                }
            }

            #(#cfgs)*
            #[allow(deprecated)]
            impl #private::FromApp for #client {
                fn from_app(__app: &#private::Resources) -> #private::Result<Self> {
                    #private::Result::Ok(Self::new(#private::injected(__app)?))
                }
            }
        }
    }

    fn info(&self) -> TokenStream {
        let Keys {
            name,
            wire,
            version,
            metadata,
            private,
            ..
        } = self.keys;
        let version = match version {
            Some(version) => quote!(#version),
            None => quote!(::core::env!("CARGO_PKG_VERSION")),
        };
        let doc = function::doc(self.attributes);
        let doc = Some(doc)
            .filter(|doc| !doc.is_empty())
            .map(|doc| quote!(.doc(#doc)));
        let mut deprecated = function::select(self.attributes, &["deprecated"]);
        let deprecated = deprecated.next().map(|_| quote!(.deprecated()));
        let pairs = metadata.iter().map(|pair| {
            let (key, value) = (&pair.key, &pair.value);
            quote!((#key, #value))
        });
        let pairs = (!metadata.is_empty()).then(|| quote!(.metadata(&[#(#pairs),*])));
        let location = signature::location(private, Span::call_site());
        quote! {
            #private::ServiceInfo::new(#name, #wire).version(#version) #doc #deprecated #pairs
                .location(#location)
        }
    }
}
