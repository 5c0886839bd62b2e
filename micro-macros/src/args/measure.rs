//! Values with a unit, written as strings: durations and sizes.

use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::args::{Args, wrong};
use crate::diag::Mistakes;

impl Args {
    /// Removes `name = "2s"` and parses it with `read`.
    ///
    /// `what` names the kind of value in the error for anything but a string; missing quotes are
    /// the most common mistake.
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
                &format!("`{name}` takes {what}; write for example `{name} = \"{example}\"`"),
                mistakes,
            ),
        }
    }
}
