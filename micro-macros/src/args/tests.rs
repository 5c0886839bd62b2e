//! Tests of the argument grammar: what it accepts and what it rejects.

use quote::quote;
use syn::parse_quote;

use super::*;

const KNOWN: &[&str] = &["name", "topic", "crate", "loud", "tag", "reserved"];

fn parse(tokens: TokenStream) -> (Args, Mistakes) {
    let mut mistakes = Mistakes::new();
    let args = Args::parse(tokens, KNOWN, &mut mistakes);
    (args, mistakes)
}

#[test]
fn every_kind_of_value_is_parsed() {
    let (mut args, mut mistakes) = parse(quote!(
        "first",
        name = "a",
        crate = crate::x,
        loud,
        tag = 3,
        reserved(1, 2)
    ));
    assert!(args.positional().is_some());
    assert_eq!(args.string("name", &mut mistakes).unwrap().value(), "a");
    assert!(args.path("crate", &mut mistakes).is_some());
    assert!(args.flag("loud", &mut mistakes).is_some());
    assert_eq!(
        args.integer("tag", &mut mistakes).unwrap().base10_digits(),
        "3"
    );
    assert!(args.list("reserved", &mut mistakes).is_some());
    args.finish(&mut mistakes);
    assert!(mistakes.is_empty());
}

#[test]
fn an_unknown_key_is_reported_with_the_nearest_known_one() {
    let (_, mistakes) = parse(quote!(tpoic = "x", colour = "red"));
    assert_eq!(
        mistakes.messages(),
        [
            "unknown key `tpoic`; did you mean `topic`?",
            "unknown key `colour`; write one of `name`, `topic`, `crate`, `loud`, `tag`, \
             `reserved`",
        ]
    );
}

#[test]
fn a_key_given_twice_across_attributes_is_rejected() {
    let mut mistakes = Mistakes::new();
    let mut attributes: Vec<Attribute> = vec![
        parse_quote!(#[micro(tag = 1)]),
        parse_quote!(#[doc = "x"]),
        parse_quote!(#[micro(tag = 2)]),
    ];
    Args::take_helpers(&mut attributes, KNOWN, &mut mistakes);
    assert_eq!(attributes.len(), 1);
    assert_eq!(
        mistakes.messages(),
        ["`tag` is given twice; remove one of them"]
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_rejected() {
    let (mut args, mut mistakes) = parse(quote!(name = 3, loud = true, "left over"));
    assert!(args.string("name", &mut mistakes).is_none());
    assert!(args.flag("loud", &mut mistakes).is_none());
    args.finish(&mut mistakes);
    assert_eq!(
        mistakes.messages(),
        [
            "`name` takes a string; write `name = \"…\"`",
            "`loud` is a flag; write it without a value",
            "unexpected value; write `key = value`",
        ]
    );
}
