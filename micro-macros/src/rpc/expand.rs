//! What a method becomes: an entry of the service's table, and a method of its client.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

use crate::rpc::model::Method;
use crate::signature::{self, Source, first_span, inner_span};

impl Method {
    /// The entry of the table. `receiver` is the service for `&self` methods; `function` is how
    /// to name the function.
    pub(crate) fn entry(
        &self,
        private: &TokenStream,
        receiver: Option<&TokenStream>,
        function: &TokenStream,
    ) -> TokenStream {
        let (mut makes, mut passes) = (Vec::new(), Vec::new());
        if let Some(service) = receiver {
            makes.push(quote!(let __service = __parts.service::<#service>()?;));
            passes.push(quote!(&*__service));
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            let (make, pass) = parameter.inject(index, private, Source::Call);
            makes.push(make);
            passes.push(pass);
        }
        if self.request.is_some() {
            passes.push(quote!(__request));
        }
        let (cfgs, wire, request, reply) = (
            &self.cfgs,
            &self.wire,
            self.request_type(),
            self.reply_type(private),
        );
        let call = quote_spanned!(self.ident.span()=> #function(#(#passes),*));
        let sendable = quote_spanned!(self.ident.span()=> #private::sendable(#call));
        let finish = quote_spanned!(inner_span(&self.result)=> #private::finish);
        let options = self.options(private);
        quote! {
            #(#cfgs)*
            #private::Method::unary_from_parts::<#request, #reply, _, _>(
                #wire,
                |__parts: #private::Parts, __request: #request| async move {
                    #(#makes)*
                    #finish(#sendable.await)
                },
            )
            #options
        }
    }

    fn options(&self, private: &TokenStream) -> TokenStream {
        let doc = Some(&self.doc)
            .filter(|doc| !doc.is_empty())
            .map(|doc| quote!(.doc(#doc)));
        let flags = self.flags();
        let location = signature::location(private, self.ident.span());
        quote!(#doc #flags .location(#location))
    }

    /// What service and client both say of the method.
    fn flags(&self) -> TokenStream {
        let idempotent = self.idempotent.then(|| quote!(.idempotent()));
        let timeout = self.timeout.map(|timeout| {
            let (seconds, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
            quote!(.timeout(::core::time::Duration::new(#seconds, #nanos)))
        });
        quote!(#idempotent #timeout)
    }

    fn request_type(&self) -> TokenStream {
        match &self.request {
            Some(ty) => quote_spanned!(first_span(ty)=> #ty),
            None => quote!(()),
        }
    }

    /// The reply's type, taken from the result by trait so that aliases work.
    fn reply_type(&self, private: &TokenStream) -> TokenStream {
        let result = &self.result;
        quote_spanned!(inner_span(result)=> <#result as #private::Returned>::Ok)
    }

    /// The method of the client, for within `impl GreeterClient`.
    pub(crate) fn client(&self, private: &TokenStream, client: &Path) -> TokenStream {
        let Self {
            cfgs,
            forwarded,
            visibility,
            ident,
            wire,
            ..
        } = self;
        let (reply, flags) = (self.reply_type(private), self.flags());
        let doc = self.doc.is_empty().then(|| {
            let doc = format!("Calls `{}`.", wire.value());
            quote!(#[doc = #doc])
        });
        let (parameter, request) = match &self.request {
            Some(ty) => (Some(quote!(, request: #ty)), quote!(request)),
            None => (None, quote!(())),
        };
        quote! {
            #(#cfgs)*
            #(#forwarded)*
            #doc
            #visibility fn #ident(&self #parameter) -> #private::Request<#reply> {
                static __METHOD: #private::LazyMethod = #private::LazyMethod::new(|| {
                    #private::method(#private::MethodInfo::of(&#client::INFO, #wire) #flags)
                });
                #private::request(self.__client(), &__METHOD, #request)
            }
        }
    }
}

/// `impl GreeterClient { … }`.
pub(crate) fn client_impl(private: &TokenStream, client: &Path, methods: &[Method]) -> TokenStream {
    let methods = methods.iter().map(|method| method.client(private, client));
    quote! {
        #[allow(dead_code)]
        impl #client {
            #(#methods)*
        }
    }
}

/// `<Greeter>::hello`, pointing at the function's name.
pub(crate) fn function_of(service: &TokenStream, ident: &Ident) -> TokenStream {
    quote_spanned!(ident.span()=> <#service>::#ident)
}
