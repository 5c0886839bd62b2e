//! `micro::run!()`: links the crates whose services run, then runs the app.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Expr, ExprArray, Ident};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

pub(crate) const KEYS: &[&str] = &["uses", "crate"];

/// Expands the macro to a block of type `()`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::new();
    let mut args = Args::parse(tokens, KEYS, &mut mistakes);
    let uses = args.expr("uses", &mut mistakes);
    let uses = uses.map_or_else(Vec::new, |uses| crates(uses, &mut mistakes));
    let private = names::private(&mut args, &mut mistakes);
    args.finish(&mut mistakes);
    let body = mistakes.finish(TokenStream::new(), || {
        let uses = uses
            .iter()
            .map(|name| quote_spanned!(name.span()=> use ::#name as _;));
        quote! {
            #(#uses)*
            #private::run(#private::Program {
                name: ::core::env!("CARGO_PKG_NAME"),
                version: ::core::env!("CARGO_PKG_VERSION"),
            })
        }
    });
    quote!({ #body })
}

fn crates(uses: Expr, mistakes: &mut Mistakes) -> Vec<Ident> {
    let Expr::Array(ExprArray { elems, .. }) = uses else {
        mistakes.on(
            uses,
            "`uses` takes a list of crates; write for example `uses = [orders, billing]`",
        );
        return Vec::new();
    };
    let mut names = Vec::new();
    for name in elems {
        match &name {
            Expr::Path(path) if path.path.get_ident().is_some() => {
                names.extend(path.path.get_ident().cloned());
            }
            _ => mistakes.on(
                name,
                "this is not the name of a crate; write it as in `use`, for example `orders`",
            ),
        }
    }
    names
}

#[cfg(test)]
mod tests;
