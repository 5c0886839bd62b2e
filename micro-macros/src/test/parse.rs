//! The keys of `#[micro::test]`.

use proc_macro2::TokenStream;
use syn::{Expr, Path};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

pub(crate) const KEYS: &[&str] = &["services", "linked", "app", "crate"];

/// The parsed keys of `#[micro::test(…)]`.
pub(super) struct Keys {
    /// Types of the services that run, out of those collected at link time.
    pub(super) services: Vec<Path>,
    /// Whether everything collected at link time runs.
    pub(super) linked: bool,
    /// A function that configures the app's builder.
    pub(super) app: Option<Expr>,
    pub(super) private: TokenStream,
}

impl Keys {
    pub(super) fn new(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, KEYS, mistakes);
        let services = args.expr("services", mistakes);
        let linked = args.flag("linked", mistakes);
        if let (Some(linked), Some(_)) = (&linked, &services) {
            mistakes.on(
                linked,
                "`linked` already runs every service; remove `linked` or `services`",
            );
        }
        let keys = Self {
            services: services.map_or_else(Vec::new, |list| paths(list, mistakes)),
            linked: linked.is_some(),
            app: args.expr("app", mistakes),
            private: names::private(&mut args, mistakes),
        };
        args.finish(mistakes);
        keys
    }
}

fn paths(list: Expr, mistakes: &mut Mistakes) -> Vec<Path> {
    let Expr::Array(array) = list else {
        mistakes.on(
            list,
            "`services` takes a list of types; write for example `services = [Greeter, Billing]`",
        );
        return Vec::new();
    };
    let mut paths = Vec::new();
    for element in array.elems {
        match element {
            Expr::Path(path) if path.qself.is_none() => paths.push(path.path),
            other => mistakes.on(
                other,
                "this is not the type of a service; write for example `Greeter`",
            ),
        }
    }
    paths
}
