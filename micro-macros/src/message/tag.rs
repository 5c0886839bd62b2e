//! Field numbers: validation and automatic numbering.

use proc_macro2::Span;
use syn::LitInt;

use crate::diag::Mistakes;
use crate::message::reserved::Reserved;

/// The highest field number.
pub(crate) const MAX_TAG: u32 = 536_870_911;

/// Parses a field number; `None` if protobuf does not allow it.
pub(crate) fn tag(number: &LitInt, mistakes: &mut Mistakes) -> Option<u32> {
    match number.base10_parse::<u32>() {
        Ok(19_000..=19_999) => {
            mistakes.on(
                number,
                "field numbers from 19000 to 19999 are reserved by protobuf; use another number",
            );
            None
        }
        Ok(tag @ 1..=MAX_TAG) => Some(tag),
        _ => {
            mistakes.on(number, "a field number must be from 1 to 536870911");
            None
        }
    }
}

/// Returns a number for each field: the explicit numbers, or consecutive ones from 1.
///
/// `given` has the span of each field and its explicit number, if any.
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
                "only some of the fields have a field number; write `#[micro(tag = …)]` on all of \
                 them or on none",
            ),
            Some(tag) if tags.contains(&tag) => {
                mistakes.at(
                    span,
                    format!("field number {tag} is used twice; change one of them"),
                );
            }
            Some(tag) if reserved.has(tag) => {
                mistakes.at(
                    span,
                    format!("field number {tag} is reserved; use another number"),
                );
            }
            Some(_) => {}
        }
        tags.push(tag.unwrap_or(0));
    }
    tags
}
