//! The attributes of micro; use them through the `micro` crate.

mod args;
mod diag;
mod message;
mod suggest;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/message.md")]
#[proc_macro_attribute]
pub fn message(args: TokenStream, item: TokenStream) -> TokenStream {
    message::message(args.into(), item.into()).into()
}
