//! `micro::run!()`: links the crates whose services run, configures the app, and runs it.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprArray, Ident, Token};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::names;

pub(crate) const KEYS: &[&str] = &["uses", "help", "crate"];

/// Expands the macro to a block of type `()`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::new();
    let parsed = Punctuated::<RunArg, Token![,]>::parse_terminated.parse2(tokens);
    let (mut keys, mut functions) = (Vec::new(), Vec::new());
    for arg in mistakes.keep(parsed).into_iter().flatten() {
        match arg {
            RunArg::Key(key) => keys.push(key),
            RunArg::Configure(function) => functions.push(function),
        }
    }
    if let Some(second) = functions.get(1) {
        let message = "`run!` takes one function that configures the app; join the two";
        mistakes.on(second, message);
    }
    let mut args = Args::parse(quote!(#(#keys),*), KEYS, &mut mistakes);
    let uses = args.expr("uses", &mut mistakes);
    let uses = uses.map_or_else(Vec::new, |uses| crates(uses, &mut mistakes));
    let help = args.flag("help", &mut mistakes);
    let private = names::private(&mut args, &mut mistakes);
    args.finish(&mut mistakes);
    let body = mistakes.finish(TokenStream::new(), || {
        let uses = uses
            .iter()
            .map(|name| quote_spanned!(name.span()=> use ::#name as _;));
        let program = quote! {
            #private::Program {
                name: ::core::env!("CARGO_PKG_NAME"),
                version: ::core::env!("CARGO_PKG_VERSION"),
            }
        };
        let help = help.map(|_| quote!(#private::print_help_if_asked(#program);));
        let run = match functions.first() {
            None => quote!(#private::run(#program)),
            Some(function) => {
                let run_with = quote_spanned!(function.span()=> run_with);
                quote!(#private::#run_with(#program, #function))
            }
        };
        quote!(#(#uses)* #help #run)
    });
    quote!({ #body })
}

/// One argument of `run!`.
enum RunArg {
    /// A function that configures the app: a closure or a path.
    Configure(Expr),
    /// The tokens of a key with its value.
    Key(TokenStream),
}

impl Parse for RunArg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let is_closure = input.peek(Token![|])
            || input.peek(Token![||])
            || input.peek(Token![move])
            || input.peek(Token![async]);
        let begins_path = input.peek(Ident)
            || input.peek(Token![crate])
            || input.peek(Token![self])
            || input.peek(Token![super])
            || input.peek(Token![::]);
        // `help` alone is a key.
        let is_help = input.fork().parse::<Ident>().is_ok_and(|key| key == "help");
        let is_path = begins_path
            && !(is_help && is_last(input))
            && (input.peek(Token![::])
                || input.peek2(Token![::])
                || (input.peek(Ident) && is_last(input)));
        if is_closure || is_path {
            return Ok(Self::Configure(input.parse()?));
        }
        let mut key = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<TokenTree>()?.to_tokens(&mut key);
        }
        Ok(Self::Key(key))
    }
}

/// Whether one token is left of the argument.
fn is_last(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<TokenTree>().is_ok() && (ahead.is_empty() || ahead.peek(Token![,]))
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
