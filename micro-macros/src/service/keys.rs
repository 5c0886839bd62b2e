//! The keys of `#[micro::service]` on a struct and on a trait.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Lit, LitStr, Path, Token};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

/// The keys on a struct. A trait and an `impl` accept fewer keys, and report where the others
/// belong.
pub(crate) const KEYS: &[&str] = &["name", "version", "package", "metadata", "init", "crate"];

/// The names of a service or contract, and how it is created.
pub(super) struct Keys {
    /// Name in registries: `greeter`.
    pub(super) name: String,
    /// Name on the wire: `greeter.Greeter`.
    pub(super) wire: String,
    /// Default: the version of the package.
    pub(super) version: Option<LitStr>,
    pub(super) metadata: Vec<Pair>,
    /// An async function that creates the service.
    pub(super) init: Option<Path>,
    pub(super) private: TokenStream,
}

/// `zone = "a"` in `metadata(zone = "a")`. Keys may be quoted.
pub(super) struct Pair {
    pub(super) key: LitStr,
    pub(super) value: LitStr,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = if input.peek(LitStr) {
            input.parse()?
        } else {
            let key = Ident::parse_any(input)?;
            LitStr::new(&key.unraw().to_string(), key.span())
        };
        input.parse::<Token![=]>()?;
        let value: Lit = input.parse()?;
        let Lit::Str(value) = value else {
            let message = format!(
                "a metadata value must be a string; write `{} = \"…\"`",
                key.value()
            );
            return Err(syn::Error::new(value.span(), message));
        };
        Ok(Self { key, value })
    }
}

impl Keys {
    pub(super) fn of_struct(tokens: TokenStream, ident: &Ident, mistakes: &mut Mistakes) -> Self {
        Self::read(Args::parse(tokens, KEYS, mistakes), ident, mistakes)
    }

    /// Parses the keys on a trait. Version and metadata belong to the service that implements it.
    pub(super) fn of_trait(tokens: TokenStream, ident: &Ident, mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        for key in ["version", "metadata", "init"] {
            if let Some(arg) = args.take(key) {
                let message = format!(
                    "`{key}` belongs on the struct that implements the contract; move it there"
                );
                mistakes.at(arg.span(), message);
            }
        }
        Self::read(args, ident, mistakes)
    }

    /// Parses the keys on an `impl`: only `crate`.
    pub(super) fn of_block(tokens: TokenStream, mistakes: &mut Mistakes) -> TokenStream {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        for key in KEYS.iter().filter(|key| **key != "crate") {
            if let Some(arg) = args.take(key) {
                let message = format!("`{key}` belongs on the struct or trait; move it there");
                mistakes.at(arg.span(), message);
            }
        }
        let private = names::private(&mut args, mistakes);
        args.finish(mistakes);
        private
    }

    fn read(mut args: Args, ident: &Ident, mistakes: &mut Mistakes) -> Self {
        let plain = ident.unraw().to_string();
        let name = args.string("name", mistakes);
        if let Some(name) = &name {
            names::check_service(name, mistakes);
        } else if !plain.is_ascii() {
            mistakes.on(ident, "names on the wire must be ASCII; rename the type");
        }
        let name = name.map_or_else(|| names::kebab(&plain), |name| name.value());
        let package = args.string("package", mistakes);
        if let Some(package) = &package {
            names::check_package(package, mistakes);
        }
        let package = package.map_or_else(|| name.replace('-', "_"), |package| package.value());
        let dot = if package.is_empty() { "" } else { "." };
        let keys = Self {
            wire: format!("{package}{dot}{plain}"),
            name,
            version: args.string("version", mistakes),
            metadata: metadata(&mut args, mistakes),
            init: args.path("init", mistakes),
            private: names::private(&mut args, mistakes),
        };
        args.finish(mistakes);
        keys
    }
}

fn metadata(args: &mut Args, mistakes: &mut Mistakes) -> Vec<Pair> {
    let Some((_, tokens)) = args.list("metadata", mistakes) else {
        return Vec::new();
    };
    let parsed = Punctuated::<Pair, Token![,]>::parse_terminated.parse2(tokens);
    let pairs: Vec<Pair> = mistakes.keep(parsed).into_iter().flatten().collect();
    for (at, pair) in pairs.iter().enumerate() {
        if pairs[..at]
            .iter()
            .any(|other| other.key.value() == pair.key.value())
        {
            let message = format!("`{}` is given twice; remove one of them", pair.key.value());
            mistakes.at(pair.key.span(), message);
        }
    }
    pairs
}
