//! The keys of `#[micro::on]`: one moment.

use proc_macro2::{Span, TokenStream};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

pub(crate) const KEYS: &[&str] = &["start", "ready", "stop", "crate"];

/// The moments, by the word in the attribute and the variant of `Moment`.
const MOMENTS: &[(&str, &str)] = &[("start", "Start"), ("ready", "Ready"), ("stop", "Stop")];

/// What `#[micro::on(…)]` says.
pub(super) struct Keys {
    /// A variant of `Moment`.
    pub(super) moment: Option<&'static str>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let is_empty = tokens.is_empty();
        let mut args = Args::parse(tokens, KEYS, mistakes);
        let mut moment = None;
        for (name, variant) in MOMENTS {
            let Some(flag) = args.flag(name, mistakes) else {
                continue;
            };
            if moment.is_some() {
                let message = "a hook has one moment; write a function for each";
                mistakes.on(flag, message);
            }
            moment = Some(*variant);
        }
        if is_empty {
            let message = "say when the function runs: `#[micro::on(start)]`, \
                           `#[micro::on(ready)]` or `#[micro::on(stop)]`";
            mistakes.at(Span::call_site(), message);
        }
        if let Some(arg) = args.positional() {
            let message = "write the moment as a word: `#[micro::on(start)]`";
            mistakes.at(arg.span(), message);
        }
        let private = names::private(&mut args, mistakes);
        args.finish(mistakes);
        if moment.is_none() && mistakes.is_empty() {
            let message = "say when the function runs: `start`, `ready` or `stop`";
            mistakes.at(Span::call_site(), message);
        }
        Self { moment, private }
    }
}
