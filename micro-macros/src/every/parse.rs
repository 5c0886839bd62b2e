//! The keys of `#[micro::every]`: the period.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::{duration, names};

pub(crate) const KEYS: &[&str] = &["leader", "crate"];

/// The parsed keys of `#[micro::every(…)]`.
pub(super) struct Keys {
    pub(super) period: Option<Duration>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        if let Some(leader) = args.flag("leader", mistakes) {
            let message = "`leader` needs distributed locks, which this version does not have; \
                           remove it, and each node runs the function";
            mistakes.on(leader, message);
        }
        let period = period(&mut args, mistakes);
        let private = names::private(&mut args, mistakes);
        args.finish(mistakes);
        Self { period, private }
    }
}

fn period(args: &mut Args, mistakes: &mut Mistakes) -> Option<Duration> {
    let message = "`#[micro::every]` needs a period; write for example `#[micro::every(\"30s\")]`";
    let Some(arg) = args.positional() else {
        if mistakes.is_empty() {
            mistakes.at(Span::call_site(), message);
        }
        return None;
    };
    match arg.text() {
        Ok(text) => mistakes.keep(duration::parse(&text)),
        Err(span) => {
            mistakes.at(span, message);
            None
        }
    }
}
