//! `#[micro::service]` on an `impl` of the service itself, or of a contract.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, ReceiverKind, Type};

use crate::diag::Mistakes;
use crate::function::{self, Function, Item};
use crate::names;
use crate::rpc::expand::client_impl;
use crate::rpc::model::{Method, check_unique};
use crate::rpc::parse;
use crate::rpc::placeholder::placeholder;
use crate::rpc::table::{Methods, Table};
use crate::service::header::Block;
use crate::service::keys::Keys;
use crate::signature::path_span;
use crate::subscribe;

const NOTHING_SERVED: &str = "this `impl` has no methods to serve; put `#[micro::rpc]` or \
                       `#[micro::subscribe]` on a method, or remove `#[micro::service]`";

pub(super) fn expand(keys: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut block: Block = syn::parse2(item)?;
    let mut mistakes = Mistakes::new();
    let private = Keys::of_block(keys, &mut mistakes);
    let expansion = if block.contract.is_some() {
        implementation(&mut block, &private, &mut mistakes)
    } else {
        methods(&mut block, &private, &mut mistakes)
    };
    // The client's methods are emitted in spite of mistakes, so that their callers still compile.
    let (client, table) = expansion.unwrap_or_default();
    Ok(mistakes.finish(quote!(#block #client), || table))
}

/// Removes `#[micro::rpc(…)]` from a function and returns its keys.
pub(super) fn take_rpc(
    function: &mut Function,
    mistakes: &mut Mistakes,
) -> Option<(parse::Keys, TokenStream)> {
    let is_rpc = |attribute: &mut syn::Attribute| names::is_ours(attribute.path(), "rpc");
    let mut taken = function.attributes.extract_if(.., is_rpc);
    let attribute = taken.next()?;
    for again in taken {
        mistakes.on(again, "`#[micro::rpc]` is given twice; remove one of them");
    }
    let tokens = match &attribute.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        syn::Meta::Path(_) => TokenStream::new(),
        syn::Meta::NameValue(pair) => {
            mistakes.on(
                &pair.value,
                "the keys must be in parentheses; write for example `#[micro::rpc(name = \"…\")]`",
            );
            TokenStream::new()
        }
    };
    Some((
        parse::Keys::of_method(tokens, mistakes),
        attribute.path().to_token_stream(),
    ))
}

/// Expands the methods of an inherent `impl`.
fn methods(
    block: &mut Block,
    private: &TokenStream,
    mistakes: &mut Mistakes,
) -> Option<(TokenStream, TokenStream)> {
    let (mut methods, mut subscribers) = (Vec::new(), Vec::new());
    let mut placeholders = Vec::new();
    let tokens = block.service.to_token_stream();
    let stand_in =
        |function: &Function| placeholder(private, function, &function.visibility, Some(&tokens));
    let mut any = false;
    for item in &mut block.items {
        let Item::Function(function) = item else {
            continue;
        };
        let heard = subscribe::take(function, mistakes);
        let called = take_rpc(function, mistakes);
        if heard.is_none() && called.is_none() {
            continue;
        }
        any = true;
        check_receiver(function, mistakes);
        if let (Some(_), Some((_, attribute))) = (&heard, &called) {
            let message = "a method cannot have both `#[micro::rpc]` and `#[micro::subscribe]`; \
                           write a separate method for each";
            mistakes.on(attribute, message);
        }
        subscribers.extend(heard.into_iter().flatten());
        let Some((keys, _)) = called else { continue };
        match Method::new(function, keys, mistakes) {
            Some(method) => methods.push(method),
            None => placeholders.extend(stand_in(function)),
        }
    }
    if !any {
        mistakes.at(Span::call_site(), NOTHING_SERVED);
    }
    check_unique(&methods, mistakes);
    let service = &block.service;
    let Type::Path(path) = service else {
        mistakes.on(
            service,
            "a service must be a named type; write for example `impl Greeter`",
        );
        return None;
    };
    let client = names::client_path(&path.path);
    for method in &mut methods {
        method.replace_self(&tokens);
    }
    let heard = heard(block, private, &mut subscribers, mistakes);
    let entries = methods.iter().map(|method| {
        method.entry(
            private,
            Some(&tokens),
            &function::of_service(&tokens, &method.ident),
        )
    });
    let own = Methods::Own {
        info: quote!(#client::INFO),
        table: quote!(#private::methods([#(#entries),*])),
    };
    let table = table(block, private, own);
    let methods = (&*methods, &*placeholders);
    let client = client_impl(private, &client, methods, &block.attributes);
    let cfgs = function::cfgs(&block.attributes);
    Some((quote!(#(#cfgs)* #client), quote!(#table #heard)))
}

/// Returns the record of the block's subscribers.
fn heard(
    block: &Block,
    private: &TokenStream,
    subscribers: &mut [subscribe::Method],
    mistakes: &mut Mistakes,
) -> Option<TokenStream> {
    let first = subscribers.first()?;
    if is_generic(block) {
        let message = "a generic service cannot subscribe, because it is not collected at link \
                       time; give `App::builder().subscriber(…)` a subscriber for each concrete \
                       type";
        mistakes.on(&first.ident, message);
        return None;
    }
    let service = &block.service;
    for subscriber in &mut *subscribers {
        subscriber.replace_self(&service.to_token_stream());
    }
    let record = subscribe::of_block(private, service, subscribers);
    let cfgs = function::cfgs(&block.attributes);
    Some(quote!(#(#cfgs)* #record))
}

fn table(block: &Block, private: &TokenStream, methods: Methods) -> TokenStream {
    let table = Table {
        private,
        service: &block.service,
        methods,
    };
    let table = if is_generic(block) {
        table.implement(&block.generics)
    } else {
        table.submit()
    };
    let cfgs = function::cfgs(&block.attributes);
    quote!(#(#cfgs)* #table)
}

fn is_generic(block: &Block) -> bool {
    let arguments = match &block.service {
        Type::Path(path) => path.path.segments.last().map(|last| &last.arguments),
        _ => None,
    };
    let has_arguments = arguments.is_some_and(|arguments| !arguments.is_none());
    has_arguments || !block.generics.params.is_empty()
}

/// Checks that a method takes `&self`.
pub(super) fn check_receiver(function: &Function, mistakes: &mut Mistakes) {
    let sig = &function.signature;
    let Some(FnArg::Receiver(receiver)) = sig.inputs.first() else {
        let name = &sig.ident;
        let message = format!(
            "a method must take `&self`; write `async fn {name}(&self, …)`, or move the function \
             out of the `impl` and put `#[micro::rpc(service = …)]` on it"
        );
        mistakes.on(name, message);
        return;
    };
    if !matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) {
        let message = "a service is shared by all calls; write `&self` and keep mutable state in a \
                       `Mutex` or an atomic";
        mistakes.on(receiver, message);
    }
}

/// Expands `impl Cart for CartStore`. The methods are declared in the trait.
fn implementation(
    block: &mut Block,
    private: &TokenStream,
    mistakes: &mut Mistakes,
) -> Option<(TokenStream, TokenStream)> {
    for item in &mut block.items {
        let Item::Function(function) = item else {
            continue;
        };
        if subscribe::take(function, mistakes).is_some() {
            let message = "a contract cannot have subscribers; move this one to the `impl` of the \
                           type";
            mistakes.on(&function.signature.ident, message);
        }
        if let Some((_, attribute)) = take_rpc(function, mistakes) {
            let message = "the methods of a contract are declared in its trait; put \
                           `#[micro::rpc]` there and remove it here";
            mistakes.on(attribute, message);
        }
    }
    let (contract, _) = block.contract.as_ref()?;
    if contract
        .segments
        .last()
        .is_some_and(|last| !last.arguments.is_none())
    {
        mistakes.on(
            contract,
            "a contract cannot have type parameters; implement a trait without them",
        );
    }
    let (service, span) = (&block.service, path_span(contract));
    let found = quote_spanned!(span=> <#service as #contract>::__NEEDS_MICRO_SERVICE_ON_THE_TRAIT);
    let table = table(block, private, Methods::Contract(found));
    Some((TokenStream::new(), table))
}
