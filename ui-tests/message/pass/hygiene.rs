//! The expansion uses no name of the surrounding scope and adds none to it.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod core {}
mod std {}
mod alloc {}
mod serde {}

struct Box;
struct Result;
struct Option;
struct Vec;
struct String;
struct Some;
struct None;
struct Ok;
struct Err;
struct Default;
struct Message;
struct Field;
struct Types;
trait Record {}
trait Element {}
trait Into {}
trait Clone {}
type A = u32;
type M = u32;
type S = u32;

#[::micro::message]
struct r#struct {
    r#type: ::std::string::String,
    r#fn: ::std::option::Option<A>,
    out: M,
    reader: S,
    map: ::std::collections::BTreeMap<u32, ::std::string::String>,
    tag: u32,
    wire: ::std::vec::Vec<u8>,
    #[micro(default)]
    result: bool,
}

#[::micro::message]
enum r#enum {
    r#if,
    r#else,
    Some,
    None,
    Ok,
    Err,
}

#[::micro::message]
enum Choice {
    Some(::std::string::String),
    None,
    Ok { out: u32, map: u32 },
    Err(u32, ::std::option::Option<r#enum>),
    r#match(::std::boxed::Box<Choice>),
}

#[::micro::message]
struct Generic<T> {
    items: ::std::vec::Vec<T>,
}

fn inside() {
    #[::micro::message]
    struct Local {
        inner: ::std::option::Option<Inner>,
    }
    #[::micro::message(topic = "local")]
    struct Inner(u32, Generic<r#struct>);
    let _: &str = <Inner as ::micro::codec::Topic>::TOPIC;
}

fn main() {
    inside();
}
