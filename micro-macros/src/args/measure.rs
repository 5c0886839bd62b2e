//! Values with a unit: lengths of time and sizes, written as texts.

use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::args::{Args, wrong};
use crate::diag::Mistakes;

impl Args {
    /// `name = "2s"`, which is `what`, read by `read`; one without quotes is the usual slip.
    pub(crate) fn measure<T>(
        &mut self,
        name: &str,
        (what, example): (&str, &str),
        read: fn(&LitStr) -> syn::Result<T>,
        mistakes: &mut Mistakes,
    ) -> Option<T> {
        let (place, expr) = self.value(name)?;
        let place = expr.as_ref().map_or(place, Spanned::span);
        match expr {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => mistakes.keep(read(&text)),
            _ => wrong(
                place,
                &format!("`{name}` takes {what}: `{name} = \"{example}\"`"),
                mistakes,
            ),
        }
    }
}
