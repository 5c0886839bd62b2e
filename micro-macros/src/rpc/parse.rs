//! The keys of `#[micro::rpc]`.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::{LitStr, Type};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::rpc::http::{self, Rule};
use crate::{duration, names, size};

/// The keys of every method.
pub(crate) const KEYS: &[&str] = &[
    "name",
    "timeout",
    "idempotent",
    "safe",
    "max_message_size",
    "http",
    "body",
    "response_body",
];

/// The keys of a free function.
pub(crate) fn function_keys() -> Vec<&'static str> {
    [&["service"], KEYS, &["crate"]].concat()
}

/// The parsed keys of `#[micro::rpc(…)]`.
pub(crate) struct Keys {
    pub(crate) name: Option<LitStr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotent: bool,
    /// Whether a call changes nothing. Implies `idempotent`.
    pub(crate) safe: bool,
    /// Maximum length of a message in bytes.
    pub(crate) limit: Option<usize>,
    pub(crate) http: Vec<Rule>,
    /// The service that the method belongs to, on free functions only.
    pub(super) service: Option<Type>,
    pub(super) private: TokenStream,
}

impl Keys {
    /// Parses the keys on a method of an `impl` or trait with `#[micro::service]`.
    pub(crate) fn of_method(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        Self::read(tokens, KEYS, mistakes)
    }

    /// Parses the keys on a free function.
    pub(super) fn of_function(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        Self::read(tokens, &function_keys(), mistakes)
    }

    fn read(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse_repeating(tokens, known, &["http"], mistakes);
        let name = args.string("name", mistakes);
        if let Some(name) = &name {
            names::check_method(name, mistakes);
        }
        let timeout = duration::take(&mut args, "timeout", mistakes);
        let limit = size::take(&mut args, "max_message_size", mistakes);
        let (idempotent, safe) = (
            args.flag("idempotent", mistakes),
            args.flag("safe", mistakes),
        );
        if let (Some(idempotent), Some(_)) = (&idempotent, &safe) {
            let message = "`safe` already implies `idempotent`; remove `idempotent`";
            mistakes.on(idempotent, message);
        }
        let keys = Self {
            name,
            timeout,
            idempotent: idempotent.is_some(),
            safe: safe.is_some(),
            limit,
            http: http::take(&mut args, mistakes),
            service: args.ty("service", mistakes),
            private: names::private(&mut args, mistakes),
        };
        args.finish(mistakes);
        keys
    }
}
