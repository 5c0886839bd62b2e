//! One argument of an attribute, as written in the source.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprLit, Lit, LitStr, Token, Type, TypePath};

/// One argument of an attribute.
pub(crate) struct Arg {
    /// The key; `None` for a positional literal.
    pub(crate) key: Option<Ident>,
    pub(crate) value: Value,
}

/// The value of an argument.
pub(crate) enum Value {
    /// No value: `loud`.
    Flag,
    /// `= expression`, or a positional literal.
    Expr(Box<Expr>),
    /// `= Type<…>`: a type that cannot be parsed as an expression.
    Type(Box<Type>),
    /// `( … )`.
    List(TokenStream),
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Lit) {
            return Ok(Self {
                key: None,
                value: Value::Expr(Box::new(input.parse()?)),
            });
        }
        let key = Ident::parse_any(input)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::after_equals(input)?
        } else if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            Value::List(content.parse()?)
        } else if input.is_empty() || input.peek(Token![,]) {
            Value::Flag
        } else {
            return Err(input.error(format!(
                "expected `,`, `= value` or `(…)` after `{}`",
                key.unraw()
            )));
        };
        Ok(Self {
            key: Some(key),
            value,
        })
    }
}

impl Value {
    fn after_equals(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        let parsed = ahead.parse::<Type>();
        let is_whole = ahead.is_empty() || ahead.peek(Token![,]);
        match parsed {
            Ok(Type::Path(ty)) if is_whole && has_arguments(&ty) => {
                input.advance_to(&ahead);
                Ok(Self::Type(Box::new(Type::Path(ty))))
            }
            _ => Ok(Self::Expr(Box::new(bare(input.parse()?)))),
        }
    }
}

/// Removes the invisible groups that `macro_rules!` puts around its fragments.
fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => bare(*group.expr),
        expr => expr,
    }
}

fn has_arguments(ty: &TypePath) -> bool {
    ty.path
        .segments
        .iter()
        .any(|segment| !segment.arguments.is_none())
}

impl Arg {
    /// Returns the string literal, or the span of the argument if it is not a string.
    pub(crate) fn text(self) -> Result<LitStr, Span> {
        let span = self.span();
        match self.value {
            Value::Expr(expr) => match *expr {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Ok(text),
                _ => Err(span),
            },
            _ => Err(span),
        }
    }

    /// The span to report errors of this argument at.
    pub(crate) fn span(&self) -> Span {
        use syn::spanned::Spanned;
        match (&self.key, &self.value) {
            (Some(key), _) => key.span(),
            (None, Value::Expr(expr)) => expr.span(),
            (None, _) => Span::call_site(),
        }
    }
}
