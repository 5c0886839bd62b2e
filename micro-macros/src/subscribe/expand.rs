//! The expansion of subscribers: a table of subscribers and its link-time record.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;

use crate::duration;
use crate::function;
use crate::inject::Injected;
use crate::signature::{self, at, first_span};
use crate::subscribe::model::Subscriber;

/// Returns the record of a free function.
pub(super) fn of_function(private: &TokenStream, subscriber: &Subscriber) -> TokenStream {
    let Subscriber { ident, cfgs, .. } = subscriber;
    let entry = subscriber.entry(private, None, &quote!(#ident));
    let name = ident.unraw().to_string();
    let type_id = quote!(::core::option::Option::None);
    let record = record(private, &[entry], &name, &type_id);
    quote!(#(#cfgs)* #record)
}

/// Returns the record of a service's methods.
pub(crate) fn of_block(
    private: &TokenStream,
    service: &Type,
    subscribers: &[Subscriber],
) -> TokenStream {
    let tokens = service.to_token_stream();
    let entries: Vec<_> = subscribers
        .iter()
        .map(|subscriber| {
            let function = function::of_service(&tokens, &subscriber.ident);
            subscriber.entry(private, Some(&tokens), &function)
        })
        .collect();
    let type_id = quote!(::core::option::Option::Some(::core::any::TypeId::of::<#service>));
    record(private, &entries, &tokens.to_string(), &type_id)
}

fn record(
    private: &TokenStream,
    entries: &[TokenStream],
    name: &str,
    type_id: &TokenStream,
) -> TokenStream {
    let location = signature::location(private, Span::call_site());
    quote! {
        const _: () = {
            #[allow(deprecated)]
            fn __subscribers() -> ::std::vec::Vec<#private::Subscriber> {
                #private::subscribers([#(#entries),*])
            }

            #private::submit! {
                [#private::LINKED_SUBSCRIBERS] #private::LinkedSubscribers = #private::LinkedSubscribers {
                    type_id: #type_id,
                    subscribers: __subscribers,
                    name: #name,
                    location: #location,
                }
            }
        };
    }
}

impl Subscriber {
    /// Returns the entry of the table.
    fn entry(
        &self,
        private: &TokenStream,
        receiver: Option<&TokenStream>,
        function: &TokenStream,
    ) -> TokenStream {
        let injected = Injected::of_call(private, receiver, &self.injected);
        let Injected { makes, mut passes } = injected;
        passes.push(quote!(__event));
        let running = signature::sendable(private, &self.ident, function, &passes);
        let finish = signature::finish_hook(private, self.result.as_ref(), &running);
        let (cfgs, name) = (&self.cfgs, self.ident.unraw().to_string());
        let (heard, options) = (self.heard(private), self.options(private));
        quote! {
            #(#cfgs)*
            #private::subscriber(#name, #heard, |__parts: #private::Parts, __event| async move {
                #makes
                #finish
            })
            #options
        }
    }

    /// Returns an expression that checks at compile time that the topic fits the event's type.
    fn heard(&self, private: &TokenStream) -> TokenStream {
        let event = &self.event;
        let span = first_span(event);
        let private = at(span, private);
        match &self.keys.topic {
            Some(topic) => {
                quote_spanned!(topic.span()=> const { #private::on_topic::<#event>(#topic) })
            }
            None => {
                let topic_of = Ident::new("topic_of", span);
                quote_spanned!(span=> const { #private::#topic_of::<#event>() })
            }
        }
    }

    fn options(&self, private: &TokenStream) -> TokenStream {
        let keys = &self.keys;
        let length = |name: &str, length: Option<Duration>| {
            let name = Ident::new(name, Span::call_site());
            let length = length.map(duration::expand);
            length.map(|length| quote!(.#name(#length)))
        };
        let queue = keys.queue.as_ref().map(|queue| quote!(.queue(#queue)));
        let concurrency = keys.concurrency.as_ref();
        let concurrency = concurrency.map(|count| quote!(.concurrency(#count)));
        let retries = keys.retries.as_ref().map(|count| quote!(.retries(#count)));
        let dead = keys.dead_letter.as_ref();
        let dead = dead.map(|topic| quote!(.dead_letter(#topic)));
        let ack = keys.manual.then(|| quote!(.ack(#private::Ack::Manual)));
        let backoff = length("backoff", keys.backoff);
        let wait = length("ack_wait", keys.ack_wait);
        let timeout = length("timeout", keys.timeout);
        let durable = keys.stream.as_ref().map(|stream| {
            let group = keys.group.as_ref().map(|group| quote!(.group(#group)));
            let from = keys.from.as_ref().map(|from| quote!(.from(#from)));
            quote!(.durable(#private::Durable::new(#stream) #group #from))
        });
        let doc = Some(&self.doc).filter(|doc| !doc.is_empty());
        let doc = doc.map(|doc| quote!(.doc(#doc)));
        let location = signature::location(private, self.ident.span());
        quote! {
            .options(
                #private::Options::new()
                    #queue #concurrency #retries #backoff #dead #ack #wait #timeout
            )
            #durable
            #doc
            .location(#location)
        }
    }
}
