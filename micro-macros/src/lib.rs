//! The attributes of micro. Use them through the `micro` crate, which re-exports them.

#![allow(
    clippy::needless_pass_by_value,
    reason = "the signature of an attribute macro takes its tokens by value"
)]

use proc_macro::TokenStream;

use crate::fragments::flatten;

mod args;
mod diag;
mod duration;
mod error;
mod every;
mod fragments;
mod function;
mod inject;
mod message;
mod names;
mod on;
mod rpc;
mod run;
mod service;
mod signature;
mod size;
mod subscribe;
mod suggest;
mod test;
mod tokens;
mod work;
mod wrap;

#[cfg(test)]
mod docs;
#[cfg(test)]
mod snapshot;

#[doc = include_str!("../docs/message.md")]
#[proc_macro_attribute]
pub fn message(args: TokenStream, item: TokenStream) -> TokenStream {
    message::message(flatten(args.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/service.md")]
#[proc_macro_attribute]
pub fn service(keys: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/rpc.md")]
#[proc_macro_attribute]
pub fn rpc(keys: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/error.md")]
#[proc_macro_attribute]
pub fn error(keys: TokenStream, item: TokenStream) -> TokenStream {
    error::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/subscribe.md")]
#[proc_macro_attribute]
pub fn subscribe(keys: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/every.md")]
#[proc_macro_attribute]
pub fn every(keys: TokenStream, item: TokenStream) -> TokenStream {
    every::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/wrap.md")]
#[proc_macro_attribute]
pub fn wrap(keys: TokenStream, item: TokenStream) -> TokenStream {
    wrap::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/on.md")]
#[proc_macro_attribute]
pub fn on(keys: TokenStream, item: TokenStream) -> TokenStream {
    on::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/test.md")]
#[proc_macro_attribute]
pub fn test(keys: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(flatten(keys.into()), flatten(item.into())).into()
}

#[doc = include_str!("../docs/run.md")]
#[proc_macro]
pub fn run(tokens: TokenStream) -> TokenStream {
    run::expand(flatten(tokens.into())).into()
}
