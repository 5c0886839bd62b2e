//! A checked enum without data: numbers and names of its values.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Fields, ItemEnum, Type, Variant};

use crate::diag::Mistakes;
use crate::message::body::Helpers;
use crate::message::doc::About;
use crate::message::name;
use crate::message::reserved::{self, Reserved};
use crate::message::variant::is_other;

/// An enum without data.
pub(crate) struct Enumeration {
    pub(crate) values: Vec<Value>,
    /// The `other` variant, which holds numbers without a variant.
    pub(crate) other: Option<Ident>,
    /// The name of the value 0, if no variant has this number.
    pub(crate) unspecified: Option<String>,
}

/// One value.
pub(crate) struct Value {
    pub(crate) ident: Ident,
    pub(crate) number: i32,
    pub(crate) full: String,
    pub(crate) short: String,
    /// Further names of the same number.
    pub(crate) aliases: Vec<String>,
    pub(crate) about: About,
}

impl Enumeration {
    pub(crate) fn of(item: &mut ItemEnum, reserved: &Reserved, mistakes: &mut Mistakes) -> Self {
        let prefix = name::snake(&item.ident.unraw().to_string()).to_uppercase();
        let mut found = Self {
            values: Vec::new(),
            other: None,
            unspecified: None,
        };
        let mut next = Some(0);
        for variant in &mut item.variants {
            let other = is_other(variant);
            let helpers = Helpers::of(&mut variant.attrs, mistakes);
            refuse_useless(&helpers, mistakes);
            if other {
                found.catch_all(variant, mistakes);
                continue;
            }
            let number = number(variant, next, mistakes);
            next = number.checked_add(1);
            let short = name::snake(&variant.ident.unraw().to_string()).to_uppercase();
            let plain = (format!("{prefix}_{short}"), variant.ident.span());
            let (full, span) = helpers.name.unwrap_or(plain);
            name::check(&full, span, mistakes);
            let mut names = vec![full.clone()];
            for alias in &helpers.aliases {
                name::check(&alias.value(), alias.span(), mistakes);
                names.push(alias.value());
            }
            found.refuse_twice(variant, number, &names, mistakes);
            refuse_reserved(variant, number, &names, reserved, mistakes);
            let aliases = names.split_off(1);
            let (ident, about) = (variant.ident.clone(), About::of(&variant.attrs));
            found.values.push(Value {
                ident,
                number,
                full,
                short,
                aliases,
                about,
            });
        }
        if found.other.is_some() {
            // Rust allows discriminants next to a variant with data only with a `repr`. Only the
            // expansion uses the numbers, so they are removed from the item.
            item.variants
                .iter_mut()
                .for_each(|variant| variant.discriminant = None);
        }
        if !found.values.iter().any(|value| value.number == 0) {
            found.unspecified = Some(format!("{prefix}_UNSPECIFIED"));
        }
        found
    }

    fn catch_all(&mut self, variant: &Variant, mistakes: &mut Mistakes) {
        let holds_number = match &variant.fields {
            Fields::Unnamed(fields) => match fields.unnamed.first().map(|field| &field.ty) {
                Some(Type::Path(path)) => fields.unnamed.len() == 1 && path.path.is_ident("i32"),
                _ => false,
            },
            _ => false,
        };
        if !holds_number {
            let ident = &variant.ident;
            mistakes.on(
                ident,
                format!("a variant with `other` must hold the number; write `{ident}(i32)`"),
            );
        }
        if self.other.is_some() {
            mistakes.on(
                &variant.ident,
                "only one variant can have `other`; remove it from one of them",
            );
        }
        self.other = Some(variant.ident.clone());
    }

    fn refuse_twice(
        &self,
        variant: &Variant,
        number: i32,
        names: &[String],
        mistakes: &mut Mistakes,
    ) {
        if self.values.iter().any(|before| before.number == number) {
            let message = format!("the number {number} is used twice; change one of them");
            match &variant.discriminant {
                Some((_, expr)) => mistakes.on(expr, message),
                None => mistakes.on(&variant.ident, message),
            }
        }
        let known = |name: &&String| {
            let mut values = self.values.iter();
            values.any(|before| before.full == **name || before.aliases.contains(name))
        };
        let again = names.iter().enumerate();
        let again = again.filter(|(at, name)| names[..*at].contains(name) || known(name));
        for (_, name) in again {
            mistakes.on(
                &variant.ident,
                format!("the name `{name}` is used twice; rename one of them"),
            );
        }
    }
}

fn refuse_reserved(
    variant: &Variant,
    number: i32,
    names: &[String],
    reserved: &Reserved,
    mistakes: &mut Mistakes,
) {
    let ident = &variant.ident;
    if reserved.has(number) {
        let message = format!("the number {number} is reserved; use another number");
        mistakes.on(ident, message);
    }
    for name in names.iter().filter(|name| reserved.has_name(name)) {
        let message = format!("the name `{name}` is reserved; use another name");
        mistakes.on(ident, message);
    }
}

fn refuse_useless(helpers: &Helpers, mistakes: &mut Mistakes) {
    if let Some(span) = helpers.tag_span {
        mistakes.at(
            span,
            "`tag` does not apply to an enum without data; write `Variant = 3`",
        );
    }
    for (key, span) in helpers.of_fields() {
        mistakes.at(
            span,
            format!("`{key}` applies to a field, not to a variant; remove it"),
        );
    }
}

/// Returns the number that is written, or the next one.
fn number(variant: &Variant, next: Option<i32>, mistakes: &mut Mistakes) -> i32 {
    let Some((_, expr)) = &variant.discriminant else {
        return next.unwrap_or_else(|| {
            mistakes.on(
                &variant.ident,
                "the number of this variant does not fit into 32 bits; write a smaller one",
            );
            0
        });
    };
    reserved::number(expr).unwrap_or_else(|| {
        mistakes.on(
            expr,
            "the number of a variant must be a literal of at most 32 bits; write for example \
             `Variant = 3`",
        );
        0
    })
}
