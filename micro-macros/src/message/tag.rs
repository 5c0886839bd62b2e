//! Field numbers: which ones protobuf takes, and which a field gets.

use proc_macro2::Span;
use syn::LitInt;

use crate::diag::Mistakes;
use crate::message::reserved::Reserved;

/// The highest field number.
pub(crate) const LAST: u32 = 536_870_911;

/// A field number, if protobuf takes it.
pub(crate) fn tag(number: &LitInt, mistakes: &mut Mistakes) -> Option<u32> {
    match number.base10_parse::<u32>() {
        Ok(19_000..=19_999) => {
            mistakes.on(number, "field numbers 19000 to 19999 are protobuf's own");
            None
        }
        Ok(tag @ 1..=LAST) => Some(tag),
        _ => {
            mistakes.on(number, "a field number is from 1 to 536870911");
            None
        }
    }
}

/// Gives everything a field number: the ones written, or the order.
///
/// `given` has a place and the number written there, if any.
pub(crate) fn number(
    given: &[(Span, Option<u32>)],
    reserved: &Reserved,
    mistakes: &mut Mistakes,
) -> Vec<u32> {
    let some = given.iter().any(|(_, tag)| tag.is_some());
    if !some {
        let free = (1..).filter(|tag| !reserved.has(*tag) && !(19_000..20_000).contains(tag));
        return free.take(given.len()).collect();
    }
    let mut tags = Vec::<u32>::new();
    for &(span, tag) in given {
        match tag {
            None => mistakes.at(
                span,
                "no field number here but on others; write `#[micro(tag = …)]` on all or on none",
            ),
            Some(tag) if tags.contains(&tag) => {
                mistakes.at(span, format!("field number {tag} is used twice"));
            }
            Some(tag) if reserved.has(tag) => {
                mistakes.at(span, format!("field number {tag} is reserved; use another"));
            }
            Some(_) => {}
        }
        tags.push(tag.unwrap_or(0));
    }
    tags
}
