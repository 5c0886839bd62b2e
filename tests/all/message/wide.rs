//! Features of `.proto` files beyond plain Rust fields: encodings, oneofs, nesting, aliases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use micro::codec::Message;
use micro::schema::Types;
use micro::schema::descriptor::FileDescriptorSet;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

const MEMORY: usize = 1 << 20;

/// Numbers in every way they can be written.
#[micro::message(package = "wide", reserved(40, 50..=60, 1000.., "old", "older"))]
#[derive(Debug, Clone, Default, PartialEq)]
struct Outer {
    #[micro(tag = 1, as = "sint32")]
    sint32: i32,
    #[micro(tag = 2, as = "sint64")]
    sint64: i64,
    #[micro(tag = 3, as = "fixed32")]
    fixed32: u32,
    #[micro(tag = 4, as = "fixed64")]
    fixed64: Option<u64>,
    #[micro(tag = 5, as = "sfixed32")]
    sfixed32: Vec<i32>,
    #[micro(tag = 6, as = "sfixed64", unpacked)]
    sfixed64: Vec<i64>,
    #[micro(tag = 7, as = "map<sint32, fixed64>")]
    map: BTreeMap<i32, u64>,
    #[micro(tag = 8, as = "map<_, wrapper>")]
    wrapped: HashMap<String, i64>,
    #[micro(tag = 9, as = "wrapper")]
    text: Option<String>,
    #[micro(tag = 10, as = "wrapper", json = "@raw")]
    raw: Vec<Vec<u8>>,
    #[micro(tag = 11, unpacked)]
    kinds: Vec<Kind>,
    #[micro(oneof)]
    choice: Option<Choice>,
    #[micro(tag = 12)]
    inner: Option<Box<Inner>>,
    #[micro(oneof)]
    other: Option<Other>,
    #[micro(tag = 30)]
    maybe: Option<i32>,
}

#[micro::message(within = Outer)]
#[derive(Debug, Clone, Default, PartialEq)]
struct Inner {
    outer: Vec<Outer>,
    deepest: Option<Deepest>,
}

#[micro::message(within = Inner)]
#[derive(Debug, Clone, Default, PartialEq)]
struct Deepest {
    name: String,
}

#[micro::message(within = Outer, reserved(-3..=-1, 100.., "KIND_GONE"))]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    Unspecified,
    #[micro(alias("KIND_RUNNING", "GOING"))]
    Started,
    #[micro(other)]
    Unrecognized(i32),
}

#[micro::message(oneof)]
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    #[micro(tag = 20, as = "sint32")]
    Number(i32),
    #[micro(tag = 21)]
    Nested(Box<Inner>),
    #[micro(tag = 22, json = "KIND")]
    Kind(Kind),
    #[micro(tag = 23)]
    Nothing,
}

#[micro::message(oneof)]
#[derive(Debug, Clone, PartialEq)]
enum Other {
    #[micro(tag = 25, as = "wrapper")]
    Flag(bool),
}

fn deepest(name: &str) -> Inner {
    let deepest = Deepest { name: name.into() };
    Inner {
        deepest: Some(deepest),
        ..Inner::default()
    }
}

fn full(choice: Option<Choice>) -> Outer {
    Outer {
        sint32: -7,
        sint64: i64::MIN,
        fixed32: u32::MAX,
        fixed64: Some(0),
        sfixed32: vec![-1, 0, i32::MIN],
        sfixed64: vec![-1, 0, i64::MIN],
        map: [(-1, 1), (0, 0), (i32::MAX, u64::MAX)].into(),
        wrapped: [("zero".into(), 0), ("many".into(), -1)].into(),
        text: Some(String::new()),
        raw: vec![vec![], vec![1, 2]],
        kinds: vec![Kind::Unspecified, Kind::Started, Kind::Unrecognized(-9)],
        choice,
        inner: Some(Box::new(deepest("a"))),
        other: Some(Other::Flag(false)),
        maybe: Some(0),
    }
}

fn values() -> Vec<Outer> {
    let choices = [
        None,
        Some(Choice::Number(0)),
        Some(Choice::Number(-1)),
        Some(Choice::Nested(Box::new(deepest("b")))),
        Some(Choice::Kind(Kind::Unspecified)),
        Some(Choice::Kind(Kind::Unrecognized(77))),
        Some(Choice::Nothing),
    ];
    let mut all: Vec<Outer> = choices.into_iter().map(full).collect();
    all.push(Outer::default());
    all
}

fn descriptor() -> prost_reflect::MessageDescriptor {
    let mut types = Types::default();
    let name = Outer::describe(&mut types);
    let mut bytes = Vec::new();
    let file = micro::schema::files(&types).unwrap();
    FileDescriptorSet { file }.encode(&mut bytes);
    let pool = DescriptorPool::decode(bytes.as_slice()).unwrap();
    pool.get_message_by_name(&name).unwrap()
}

fn bytes(message: &Outer) -> Bytes {
    let mut out = Vec::new();
    message.encode(&mut out);
    out.into()
}

#[test]
fn others_read_and_write_the_same_bytes_by_our_descriptor() {
    let descriptor = descriptor();
    for message in values() {
        let bytes = bytes(&message);
        let theirs = DynamicMessage::decode(descriptor.clone(), bytes.clone()).unwrap();
        assert_eq!(theirs.unknown_fields().count(), 0);
        let back: Bytes = theirs.encode_to_vec().into();
        assert_eq!(Outer::decode(&back, MEMORY).unwrap(), message);
        assert_eq!(Outer::decode(&bytes, MEMORY).unwrap(), message);
    }
}

#[test]
fn others_read_and_write_the_same_json() {
    let descriptor = descriptor();
    for message in values() {
        let mut json = Vec::new();
        message.encode_json(&mut json).unwrap();
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let theirs = DynamicMessage::deserialize(descriptor.clone(), &mut deserializer).unwrap();
        assert_eq!(
            theirs,
            DynamicMessage::decode(descriptor.clone(), bytes(&message)).unwrap()
        );
        let back = serde_json::to_vec(&theirs).unwrap();
        assert_eq!(Outer::decode_json(&back, MEMORY).unwrap(), message);
        assert_eq!(Outer::decode_json(&json, MEMORY).unwrap(), message);
    }
}

#[test]
fn the_descriptor_says_what_was_written() {
    let outer = descriptor();
    assert_eq!(
        outer.get_field_by_name("sint32").unwrap().kind(),
        prost_reflect::Kind::Sint32
    );
    assert!(!outer.get_field_by_name("sfixed64").unwrap().is_packed());
    assert!(outer.get_field_by_name("sfixed32").unwrap().is_packed());
    assert_eq!(outer.get_field_by_name("raw").unwrap().json_name(), "@raw");
    let oneofs: Vec<_> = outer
        .oneofs()
        .map(|it| (it.name().to_owned(), it.fields().len()))
        .collect();
    let expected = [("choice", 4), ("other", 1), ("_fixed64", 1), ("_maybe", 1)];
    assert_eq!(
        oneofs,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    let inner = outer
        .child_messages()
        .find(|it| it.name() == "Inner")
        .unwrap();
    assert_eq!(
        inner.child_messages().next().unwrap().full_name(),
        "wide.Outer.Inner.Deepest"
    );
    let kind = outer.child_enums().next().unwrap();
    assert_eq!(kind.full_name(), "wide.Outer.Kind");
    let names: BTreeSet<_> = kind.values().map(|it| it.name().to_owned()).collect();
    let expected = ["KIND_UNSPECIFIED", "KIND_STARTED", "KIND_RUNNING", "GOING"];
    assert_eq!(names, expected.map(str::to_owned).into_iter().collect());
    assert_eq!(
        kind.reserved_ranges().collect::<Vec<_>>(),
        [-3..=-1, 100..=i32::MAX]
    );
    assert_eq!(kind.reserved_names().collect::<Vec<_>>(), ["KIND_GONE"]);
    let reserved: Vec<_> = outer.reserved_ranges().collect();
    assert_eq!(reserved, [40..41, 50..61, 1000..536_870_912]);
    assert_eq!(outer.reserved_names().collect::<Vec<_>>(), ["old", "older"]);
}

#[test]
fn of_a_oneof_the_last_variant_counts_and_messages_are_merged() {
    let two = |one: &Outer, two: &Outer| -> Outer {
        let both: Bytes = [bytes(one), bytes(two)].concat().into();
        Outer::decode(&both, MEMORY).unwrap()
    };
    let of = |choice| Outer {
        choice: Some(choice),
        ..Outer::default()
    };
    let number = of(Choice::Number(5));
    let nothing = of(Choice::Nothing);
    assert_eq!(two(&number, &nothing), nothing);
    assert_eq!(two(&nothing, &number), number);
    let name = of(Choice::Nested(Box::new(deepest("n"))));
    let list = Inner {
        outer: vec![number.clone()],
        deepest: None,
    };
    let list = of(Choice::Nested(Box::new(list)));
    let merged = Inner {
        outer: vec![number.clone()],
        ..deepest("n")
    };
    assert_eq!(two(&name, &list), of(Choice::Nested(Box::new(merged))));
}

#[test]
fn json_takes_one_variant_and_any_name_of_a_value() {
    let read = |text: &str| Outer::decode_json(text.as_bytes(), MEMORY);
    let error = read(r#"{"number":1,"nothing":{}}"#).unwrap_err();
    let message = error.message();
    assert!(
        message.contains("another variant is given already"),
        "{error}"
    );
    assert_eq!(
        read(r#"{"number":null,"nothing":{}}"#).unwrap().choice,
        Some(Choice::Nothing)
    );
    for name in ["KIND_RUNNING", "GOING", "KIND_STARTED", "STARTED"] {
        let message = read(&format!(r#"{{"KIND":"{name}"}}"#)).unwrap();
        assert_eq!(message.choice, Some(Choice::Kind(Kind::Started)));
    }
}

#[test]
fn a_nested_message_brings_the_outer_one() {
    let mut types = Types::default();
    assert_eq!(Deepest::describe(&mut types), "wide.Outer.Inner.Deepest");
    assert_eq!(Deepest::name(), "wide.Outer.Inner.Deepest");
    assert!(types.messages().contains_key("wide.Outer"));
    assert!(micro::schema::files(&types).is_ok());
}
