//! The keys that micro-build writes for `.proto` files, with nothing in scope.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]

mod core {}
mod std {}
struct Option;
struct Vec;
struct String;

#[::micro::message(package = "p", any, reserved(2, 9..=11, 1000.., "old"))]
#[derive(Clone, Debug, Default, PartialEq)]
struct Outer {
    #[micro(tag = 1, as = "sint32", json = "@delta")]
    delta: i32,
    #[micro(tag = 3, as = "map<sint32, wrapper>")]
    map: ::std::collections::HashMap<i32, ::std::string::String>,
    #[micro(tag = 4, as = "fixed64", unpacked)]
    list: ::std::vec::Vec<u64>,
    #[micro(tag = 5, unpacked)]
    kinds: ::std::vec::Vec<outer::Kind>,
    #[micro(tag = 6, as = "wrapper")]
    maybe: ::std::option::Option<f32>,
    #[micro(oneof)]
    r#type: ::std::option::Option<outer::Type>,
}

mod outer {
    #[::micro::message(within = super::Outer, reserved(-5..=-1))]
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub(super) enum Kind {
        #[default]
        #[micro(alias("KIND_ONE", "ONE"))]
        First,
        #[micro(other)]
        Unrecognized(i32),
    }

    #[::micro::message(oneof)]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum Type {
        #[micro(tag = 20, as = "sfixed32")]
        Number(i32),
        #[micro(tag = 21)]
        Again(::std::boxed::Box<super::Outer>),
        #[micro(tag = 22)]
        Nothing,
    }
}

fn main() {
    let inner = Outer {
        r#type: ::std::option::Option::Some(outer::Type::Number(-1)),
        ..::std::default::Default::default()
    };
    let outer = Outer {
        delta: -1,
        kinds: ::std::vec![outer::Kind::First, outer::Kind::Unrecognized(-7)],
        r#type: ::std::option::Option::Some(outer::Type::Again(::std::boxed::Box::new(inner))),
        ..::std::default::Default::default()
    };
    let any = ::micro::types::Any::pack(&outer);
    let back: Outer = any.unpack().unwrap();
    ::std::assert_eq!(back, outer);
    let _ = (outer::Type::Nothing, Option, Vec, String);
}
