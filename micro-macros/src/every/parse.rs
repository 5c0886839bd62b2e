//! The keys of `#[micro::every]`: one length of time.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::{duration, names};

pub(crate) const KEYS: &[&str] = &["leader", "crate"];

/// What `#[micro::every(…)]` says.
pub(super) struct Keys {
    pub(super) period: Option<Duration>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        if let Some(leader) = args.flag("leader", mistakes) {
            let message = "`leader` needs locks, which are not available in this version; without \
                           it each node runs the function";
            mistakes.on(leader, message);
        }
        let period = period(&mut args, mistakes);
        let private = names::private(&mut args, mistakes);
        args.finish(mistakes);
        Self { period, private }
    }
}

fn period(args: &mut Args, mistakes: &mut Mistakes) -> Option<Duration> {
    let message = "say how often the function runs: `#[micro::every(\"30s\")]`";
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
