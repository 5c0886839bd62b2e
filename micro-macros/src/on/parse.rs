//! The keys of `#[micro::on]`: one moment of the life cycle.

use proc_macro2::{Span, TokenStream};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

pub(crate) const KEYS: &[&str] = &["start", "ready", "stop", "crate"];

/// The moments, with the variant of `Phase` for each.
const PHASES: &[(&str, &str)] = &[("start", "Start"), ("ready", "Ready"), ("stop", "Stop")];

/// The parsed keys of `#[micro::on(…)]`.
pub(super) struct Keys {
    /// A variant of `Phase`.
    pub(super) moment: Option<&'static str>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let is_empty = tokens.is_empty();
        let mut args = Args::parse(tokens, KEYS, mistakes);
        let mut moment = None;
        for (name, variant) in PHASES {
            let Some(flag) = args.flag(name, mistakes) else {
                continue;
            };
            if moment.is_some() {
                let message =
                    format!("a hook runs at one moment; write a separate function for `{name}`");
                mistakes.on(flag, message);
            }
            moment = Some(*variant);
        }
        if is_empty {
            let message = "`#[micro::on]` needs a moment; write `#[micro::on(start)]`, \
                           `#[micro::on(ready)]` or `#[micro::on(stop)]`";
            mistakes.at(Span::call_site(), message);
        }
        if let Some(arg) = args.positional() {
            let message = "the moment must be a word without quotes; write for example \
                           `#[micro::on(start)]`";
            mistakes.at(arg.span(), message);
        }
        let private = names::private(&mut args, mistakes);
        args.finish(mistakes);
        if moment.is_none() && mistakes.is_empty() {
            let message = "`#[micro::on]` needs a moment; add `start`, `ready` or `stop`";
            mistakes.at(Span::call_site(), message);
        }
        Self { moment, private }
    }
}
