//! The keys of `#[micro::wrap]`.

use proc_macro2::TokenStream;
use syn::{Expr, LitStr};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;
use crate::suggest::unknown;

pub(crate) const KEYS: &[&str] = &["order", "on", "service", "method", "crate"];

/// The values of `on`, with the variant of `On` for each.
const PLACES: &[(&str, &str)] = &[
    ("rpc", "Rpc"),
    ("event", "Event"),
    ("client", "Client"),
    ("all", "All"),
];

/// The parsed keys of `#[micro::wrap(…)]`.
pub(super) struct Keys {
    pub(super) order: Option<Expr>,
    /// A variant of `On`.
    pub(super) on: &'static str,
    pub(super) service: Option<LitStr>,
    pub(super) method: Option<LitStr>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        let on = args.string("on", mistakes);
        let service = args.string("service", mistakes);
        if let Some(service) = &service {
            names::check_service(service, mistakes);
        }
        let method = args.string("method", mistakes);
        if let Some(method) = &method {
            names::check_method(method, mistakes);
        }
        let keys = Self {
            order: args.expr("order", mistakes),
            on: on.map_or("Served", |on| place(&on, mistakes)),
            service,
            method,
            private: names::private(&mut args, mistakes),
        };
        args.finish(mistakes);
        keys
    }
}

fn place(on: &LitStr, mistakes: &mut Mistakes) -> &'static str {
    let text = on.value();
    if let Some((_, variant)) = PLACES.iter().find(|(name, _)| *name == text) {
        return variant;
    }
    let known: Vec<_> = PLACES.iter().map(|(name, _)| *name).collect();
    mistakes.at(on.span(), unknown("`on` value", &text, &known));
    "Served"
}
