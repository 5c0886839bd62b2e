//! The expansion of a method: an entry of the service's table and a method of its client.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Path, Type};

use crate::duration;
use crate::function;
use crate::inject::Injected;
use crate::rpc::http;
use crate::rpc::model::Method;
use crate::rpc::streams::requests;
use crate::signature::{self, arguments, at, error_span, first_span, inner_span};

impl Method {
    /// Returns the entry of the table. `receiver` is the type of the service for `&self` methods;
    /// `function` is the path of the function.
    pub(crate) fn entry(
        &self,
        private: &TokenStream,
        receiver: Option<&TokenStream>,
        function: &TokenStream,
    ) -> TokenStream {
        let injected = Injected::of_call(private, receiver, &self.parameters);
        let Injected { makes, mut passes } = injected;
        if self.request.is_some() {
            passes.push(quote!(__request));
        }
        let running = signature::sendable(private, &self.ident, function, &passes);
        let into_wire_error = self.of_error(private, "into_wire_error");
        let (kind, out, finish) = match &self.replies {
            Some(replies) => {
                let finish = replies.finish(private, &running, &into_wire_error);
                ("stream", Some(quote!(, __sink)), finish)
            }
            None => (
                "method",
                None,
                self.finish(private, &running, &into_wire_error),
            ),
        };
        let span = self.answer_span();
        let handler = quote_spanned! {span.resolved_at(Span::call_site())=>
            |__parts: #private::Parts, __request #out| async move {
                #makes
                #finish
            }
        };
        let (cfgs, wire, options) = (&self.cfgs, &self.wire, self.options(private));
        let (request_spec, response_spec) =
            (self.request_spec(private), self.response_spec(private));
        let (there, kind) = (at(span, private), Ident::new(kind, span));
        let method =
            quote_spanned!(span=> #there::#kind(#wire, #request_spec, #response_spec, #handler));
        let (with_error, describe) = (self.with_error(private), self.of_error(private, "DESCRIBE"));
        quote!(#(#cfgs)* #with_error(#method, #describe) #options)
    }

    /// Returns statements that evaluate to the outcome of the function.
    fn finish(
        &self,
        private: &TokenStream,
        running: &TokenStream,
        into_wire_error: &TokenStream,
    ) -> TokenStream {
        let (span, result) = (inner_span(&self.result), &self.result);
        let there = at(span, private);
        let finish = quote_spanned!(span=> #there::finish::<#result>);
        quote! {
            let __returned: #result = #running;
            #finish(__returned, #into_wire_error)
        }
    }

    fn options(&self, private: &TokenStream) -> TokenStream {
        let doc = Some(&self.doc)
            .filter(|doc| !doc.is_empty())
            .map(|doc| quote!(.doc(#doc)));
        let deprecated = self.is_deprecated().then(|| quote!(.deprecated()));
        let options = self.method_options(private);
        let options = options.map(|options| quote!(.options(#options)));
        let http = http::expand(&self.http, private);
        let location = signature::location(private, self.ident.span());
        quote!(#doc #deprecated #options #http .location(#location))
    }

    /// Returns the `MethodOptions` that service and client share; `None` if all are the default.
    fn method_options(&self, private: &TokenStream) -> Option<TokenStream> {
        let idempotent = self.idempotent.then(|| quote!(.idempotent()));
        let safe = self.safe.then(|| quote!(.safe()));
        let timeout = self.timeout.map(duration::expand);
        let timeout = timeout.map(|timeout| quote!(.timeout(#timeout)));
        let limit = self.limit.map(|bytes| quote!(.max_message_size(#bytes)));
        let setters = quote!(#idempotent #safe #timeout #limit);
        (!setters.is_empty()).then(|| quote!(#private::MethodOptions::new() #setters))
    }

    /// Returns an expression that requires the request to be a message or a stream of messages.
    fn request_spec(&self, private: &TokenStream) -> TokenStream {
        match &self.request {
            Some(ty) => {
                let span = first_span(requests(ty).unwrap_or(ty));
                let private = at(span, private);
                match requests(ty) {
                    Some(message) => quote_spanned!(span=> #private::request_stream::<#message>()),
                    None => quote_spanned!(span=> #private::request_spec::<#ty>()),
                }
            }
            None => quote!(#private::request_spec::<()>()),
        }
    }

    /// Returns an expression that requires the reply to be a message or a stream of messages.
    fn response_spec(&self, private: &TokenStream) -> TokenStream {
        if let Some(replies) = &self.replies {
            return replies.response_spec(private);
        }
        if let Some(message) = arguments(&self.result).first().copied().and_then(requests) {
            let span = first_span(message);
            let private = at(span, private);
            return quote_spanned!(span=> #private::response_stream::<#message>());
        }
        let (span, reply) = (self.answer_span(), self.reply(private));
        let private = at(span, private);
        quote_spanned!(span=> #private::response_spec::<#reply>())
    }

    /// Returns the type of the reply. A trait extracts it from the result, so that aliases work.
    fn reply(&self, private: &TokenStream) -> TokenStream {
        let (span, result) = (self.answer_span(), &self.result);
        let there = at(span, private);
        match &self.replies {
            Some(replies) => {
                let message = replies.message(private);
                quote_spanned!(span=> #there::Streaming<#message>)
            }
            None => quote_spanned!(span=> <#result as #there::Returned>::Ok),
        }
    }

    /// Returns the type of the result, with `()` in place of a stream.
    fn outcome(&self) -> &Type {
        self.replies
            .as_ref()
            .map_or(&self.result, |replies| &replies.outcome)
    }

    /// Returns the function that adds the description of the method's errors.
    fn with_error(&self, private: &TokenStream) -> TokenStream {
        let span = error_span(self.outcome());
        let private = at(span, private);
        quote_spanned!(span=> #private::error::with_error)
    }

    /// Returns an associated item of the result's error type as a `MethodError`. All uses have the
    /// same tokens and span, so that the compiler reports an unsuitable type once.
    fn of_error(&self, private: &TokenStream, what: &str) -> TokenStream {
        let (span, outcome) = (error_span(self.outcome()), self.outcome());
        let (private, what) = (at(span, private), Ident::new(what, span));
        quote_spanned! {span=>
            <<#outcome as #private::Returned>::Error as #private::MethodError>::#what
        }
    }

    /// The span to report errors of the reply at.
    fn answer_span(&self) -> Span {
        match &self.replies {
            Some(replies) => replies.span,
            None => inner_span(&self.result),
        }
    }

    /// Returns the request parameter of the client's method, and the expression that is sent.
    fn asked(&self, private: &TokenStream) -> (Option<TokenStream>, TokenStream) {
        let Some(ty) = &self.request else {
            return (None, quote!(()));
        };
        let Some(message) = requests(ty) else {
            return (Some(quote!(, request: #ty)), quote!(request));
        };
        let span = first_span(message);
        let there = at(span, private);
        let messages = quote_spanned! {span=>
            impl #there::Stream<Item: #there::StreamItem<#message>>
                + ::core::marker::Send + 'static
        };
        let send = quote_spanned!(span=> #there::requests::<#message>);
        (Some(quote!(, requests: #messages)), quote!(#send(requests)))
    }

    /// Returns the method of the client.
    fn client(&self, private: &TokenStream) -> TokenStream {
        let Self {
            cfgs,
            forwarded,
            visibility,
            ident,
            wire,
            ..
        } = self;
        let reply = self.reply(private);
        let options = self
            .method_options(private)
            .unwrap_or_else(|| quote!(#private::MethodOptions::new()));
        let (request_spec, mut response_spec) =
            (self.request_spec(private), self.response_spec(private));
        if self.replies.is_some() {
            response_spec = quote!(#response_spec.response_spec());
        }
        let doc = self.doc.is_empty().then(|| {
            let doc = format!("Calls `{}`.", wire.value());
            quote!(#[doc = #doc])
        });
        let (parameter, request) = self.asked(private);
        let span = error_span(self.outcome());
        let there = at(span, private);
        let error = self.of_error(private, "Caller");
        let returns = quote_spanned!(span=> #there::Request<#reply, #error>);
        // This name must keep the hygiene of the expansion, not that of the span it points to.
        let target = quote!(&__target);
        let call = quote_spanned! {span=>
            #there::request(#target, #request_spec, #response_spec, #request)
        };
        quote! {
            #(#cfgs)*
            #(#forwarded)*
            #doc
            #[allow(clippy::type_complexity)]
            #visibility fn #ident(&self #parameter) -> #returns {
                static __METHOD: #private::LazyMethod =
                    #private::LazyMethod::new(#wire, #options);
                let __target = #private::CallTarget {
                    client: self.__client(),
                    service: &Self::INFO,
                    method: &__METHOD,
                };
                #call
            }
        }
    }
}

/// Returns `impl GreeterClient { … }`, or nothing without the feature `client`.
///
/// `placeholders` are the methods with mistakes. Lints that are allowed on the service's `impl` are
/// allowed here too, because the doc comments are the same.
pub(crate) fn client_impl(
    private: &TokenStream,
    client: &Path,
    (methods, placeholders): (&[Method], &[TokenStream]),
    attributes: &[Attribute],
) -> TokenStream {
    if !cfg!(feature = "client") {
        return TokenStream::new();
    }
    let methods = methods.iter().map(|method| method.client(private));
    let allowed = function::select(attributes, &["allow"]);
    quote! {
        #(#allowed)*
        #[allow(dead_code, deprecated)]
        impl #client {
            #(#methods)*
            #(#placeholders)*
        }
    }
}
