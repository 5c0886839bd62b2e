//! The same messages with prost's derive, in both directions.

use std::collections::HashMap;

use bytes::Bytes;
use micro::codec::Message;
use prost::Message as _;

#[micro::message]
#[derive(Debug, Clone, PartialEq)]
struct Ours {
    name: String,
    count: i32,
    big: u64,
    ratio: f64,
    on: bool,
    raw: Vec<u8>,
    numbers: Vec<i64>,
    floats: Vec<f32>,
    maybe: Option<u32>,
    inner: Inner,
    inners: Vec<Inner>,
    map: HashMap<String, Inner>,
    state: State,
    states: Vec<State>,
    choice: Option<Choice>,
}

#[micro::message]
#[derive(Debug, Clone, PartialEq, Default)]
struct Inner {
    a: i64,
    b: Option<String>,
}

#[micro::message]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum State {
    #[default]
    Off,
    On,
    Broken = -3,
}

#[micro::message]
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    Number(f64),
    Inner(Inner),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Theirs {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    count: i32,
    #[prost(uint64, tag = "3")]
    big: u64,
    #[prost(double, tag = "4")]
    ratio: f64,
    #[prost(bool, tag = "5")]
    on: bool,
    #[prost(bytes = "vec", tag = "6")]
    raw: Vec<u8>,
    #[prost(int64, repeated, tag = "7")]
    numbers: Vec<i64>,
    #[prost(float, repeated, tag = "8")]
    floats: Vec<f32>,
    #[prost(uint32, optional, tag = "9")]
    maybe: Option<u32>,
    #[prost(message, optional, tag = "10")]
    inner: Option<TheirInner>,
    #[prost(message, repeated, tag = "11")]
    inners: Vec<TheirInner>,
    #[prost(map = "string, message", tag = "12")]
    map: HashMap<String, TheirInner>,
    #[prost(int32, tag = "13")]
    state: i32,
    #[prost(int32, repeated, tag = "14")]
    states: Vec<i32>,
    #[prost(message, optional, tag = "15")]
    choice: Option<TheirChoice>,
    #[prost(string, tag = "1000")]
    news: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TheirInner {
    #[prost(int64, tag = "1")]
    a: i64,
    #[prost(string, optional, tag = "2")]
    b: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TheirChoice {
    #[prost(oneof = "TheirKind", tags = "1, 2")]
    kind: Option<TheirKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum TheirKind {
    #[prost(double, tag = "1")]
    Number(f64),
    #[prost(message, tag = "2")]
    Inner(TheirInner),
}

fn ours() -> Ours {
    let inner = |a, b: Option<&str>| Inner {
        a,
        b: b.map(str::to_owned),
    };
    Ours {
        name: "name".to_owned(),
        count: -5,
        big: u64::MAX,
        ratio: 0.25,
        on: true,
        raw: vec![1, 2, 3],
        numbers: vec![-1, 0, i64::MAX],
        floats: vec![1.0, -2.5],
        maybe: Some(0),
        inner: inner(7, None),
        inners: vec![
            inner(1, Some("")),
            inner(0, None),
            inner(-1, Some(&"y".repeat(20_000))),
        ],
        map: [("k".to_owned(), inner(3, None))].into(),
        state: State::Broken,
        states: vec![State::On, State::Off],
        choice: Some(Choice::Inner(inner(2, Some("c")))),
    }
}

fn theirs() -> Theirs {
    let inner = |a, b: Option<&str>| TheirInner {
        a,
        b: b.map(str::to_owned),
    };
    let choice = TheirChoice {
        kind: Some(TheirKind::Inner(inner(2, Some("c")))),
    };
    Theirs {
        name: "name".to_owned(),
        count: -5,
        big: u64::MAX,
        ratio: 0.25,
        on: true,
        raw: vec![1, 2, 3],
        numbers: vec![-1, 0, i64::MAX],
        floats: vec![1.0, -2.5],
        maybe: Some(0),
        inner: Some(inner(7, None)),
        inners: vec![
            inner(1, Some("")),
            inner(0, None),
            inner(-1, Some(&"y".repeat(20_000))),
        ],
        map: [("k".to_owned(), inner(3, None))].into(),
        state: -3,
        states: vec![1, 0],
        choice: Some(choice),
        news: String::new(),
    }
}

#[test]
fn the_bytes_are_the_same() {
    let mut bytes = Vec::new();
    ours().encode(&mut bytes);
    assert_eq!(bytes, theirs().encode_to_vec());
}

#[test]
fn each_reads_the_other() {
    let mut bytes = Vec::new();
    ours().encode(&mut bytes);
    assert_eq!(Theirs::decode(bytes.as_slice()).unwrap(), theirs());
    let bytes: Bytes = theirs().encode_to_vec().into();
    assert_eq!(Ours::decode(&bytes, 1 << 20).unwrap(), ours());
}

#[test]
fn unknown_fields_are_skipped_and_missing_ones_absent() {
    let newer = Theirs {
        news: "news".to_owned(),
        ..theirs()
    };
    assert_eq!(
        Ours::decode(&newer.encode_to_vec().into(), 1 << 20).unwrap(),
        ours()
    );
    let nothing = Ours::decode(&Bytes::new(), 1 << 20).unwrap();
    let mut bytes = Vec::new();
    nothing.encode(&mut bytes);
    let read = Theirs::decode(bytes.as_slice()).unwrap();
    assert_eq!(
        read,
        Theirs {
            inner: Some(TheirInner::default()),
            ..Theirs::default()
        }
    );
}

#[test]
fn an_enum_number_without_variant_is_an_error_with_its_place() {
    let newer = Theirs {
        states: vec![0, 9],
        ..Theirs::default()
    };
    let error = Ours::decode(&newer.encode_to_vec().into(), 1 << 20).unwrap_err();
    assert_eq!(
        error.message(),
        "cannot read field `states[1]` of `micro_tests.Ours`: no variant has the number 9"
    );
}
