//! Bytes and JSON between the generated types and prost-reflect's dynamic messages.

use bytes::Bytes;
use micro::codec::Message;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};

use super::random::Random;
use super::{POOL, every_message, generated};

const MEMORY: usize = 1 << 24;
const ROUNDS: u64 = 60;

fn descriptor<M: Message>() -> MessageDescriptor {
    let name = M::name();
    POOL.get_message_by_name(&name)
        .unwrap_or_else(|| panic!("no message `{name}`"))
}

fn encoded<M: Message>(message: &M) -> Bytes {
    let mut out = Vec::new();
    message.encode(&mut out);
    out.into()
}

fn json<M: Message>(message: &M) -> String {
    let mut out = Vec::new();
    message.encode_json(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn from_json(descriptor: &MessageDescriptor, json: &str) -> DynamicMessage {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(descriptor.clone(), &mut deserializer).expect(json)
}

fn json_of(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// The canonical JSON.
fn text(message: &DynamicMessage) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut text);
    let options = SerializeOptions::new();
    message
        .serialize_with_options(&mut serializer, &options)
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// Round trip from prost-reflect to micro and back, in both codecs and crosswise.
fn trip<M: Message + PartialEq + std::fmt::Debug>() {
    let descriptor = descriptor::<M>();
    for seed in 0..ROUNDS {
        let bytes: Bytes = Random::new(seed)
            .message(&descriptor, 3)
            .encode_to_vec()
            .into();
        // Decode again, because an explicitly set zero is not set after decoding.
        let theirs = DynamicMessage::decode(descriptor.clone(), bytes.clone()).unwrap();
        let place = || format!("{} with the seed {seed}: {}", M::name(), text(&theirs));
        let ours = M::decode(&bytes, MEMORY).unwrap_or_else(|error| panic!("{error}, {}", place()));
        let back = DynamicMessage::decode(descriptor.clone(), encoded(&ours)).unwrap();
        assert_eq!(back.unknown_fields().count(), 0, "{}", place());
        assert!(back == theirs, "{} came back as {}", place(), text(&back));

        // Compare JSON, because an `Any` keeps the bytes of a map in any order.
        let canonical = json_of(&text(&theirs));
        let read = M::decode_json(text(&theirs).as_bytes(), MEMORY);
        let read = read.unwrap_or_else(|error| panic!("{error}, {}", place()));
        let read = DynamicMessage::decode(descriptor.clone(), encoded(&read)).unwrap();
        assert_eq!(json_of(&text(&read)), canonical, "{}", place());
        let written = json(&ours);
        assert_eq!(json_of(&written), canonical, "{}", place());
        let read = from_json(&descriptor, &written);
        assert_eq!(json_of(&text(&read)), canonical, "{}", place());
    }
}

macro_rules! trips {
    ($($message:path),*) => { $( {
        use generated::*;
        trip::<$message>();
    } )* };
}

#[test]
fn every_message_reads_and_writes_what_others_do() {
    every_message!(trips);
}

#[test]
fn what_is_no_number_is_read_and_written() {
    use generated::awkward::v1::{Lists, Scalars, WellKnown};
    let given = r#"{"double":"NaN","float":"-Infinity","int64":"-9223372036854775808"}"#;
    let scalars = Scalars::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert!(scalars.double.is_nan() && scalars.float.is_infinite());
    assert_eq!(json(&scalars), given);
    let back = Scalars::decode(&encoded(&scalars), MEMORY).unwrap();
    assert!(back.double.is_nan());
    let given = r#"{"double":["NaN","Infinity"],"float":[-0.0]}"#;
    let lists = Lists::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert_eq!(json(&lists), given);
    let given = r#"{"double":"Infinity","float":"NaN"}"#;
    let wrapped = WellKnown::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert_eq!(json(&wrapped), given);
}

#[test]
fn a_number_without_a_name_stays_what_it_was() {
    use generated::awkward::v1::{Color, Optionals, Scalars, State};
    let given = r#"{"color":77}"#;
    let scalars = Scalars::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert_eq!(scalars.color, Color::Unrecognized(77));
    assert_eq!(json(&scalars), given);
    let back = Optionals::decode(&encoded(&scalars), MEMORY).unwrap();
    assert_eq!(back.color, Some(Color::Unrecognized(77)));
    assert_eq!(Color::default(), Color::Unspecified);
    assert_eq!(State::RUNNING, State::Started);
    let given = r#"{"state":"RUNNING","states":["STATE_1","STATE_UNRECOGNIZED",9]}"#;
    let states = generated::awkward::v1::UsesState::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert_eq!(states.state, State::Started);
    let expected = [State::State1, State::Unrecognized, State::Unrecognized_(9)];
    assert_eq!(states.states, expected);
}

#[test]
fn the_name_of_a_value_is_no_short_form_of_another() {
    use generated::awkward::v1::UsesState;
    let given = r#"{"spelt":"XY"}"#;
    let read = UsesState::decode_json(given.as_bytes(), MEMORY).unwrap();
    assert_eq!(json(&read), given);
}

#[test]
fn null_is_a_value_where_the_file_says_so() {
    use generated::awkward::v1::{WellKnown, choice};
    use micro::types::Value;
    let read = |text: &str| WellKnown::decode_json(text.as_bytes(), MEMORY).unwrap();
    let given = r#"{"value":null,"timestamp":null,"int32":null,"struct":null}"#;
    let expected = WellKnown {
        value: Some(Value::Null),
        ..WellKnown::default()
    };
    assert_eq!(read(given), expected);
    assert_eq!(json(&expected), r#"{"value":null}"#);
    let choice = generated::awkward::v1::Choice::decode_json(br#"{"value":null}"#, MEMORY).unwrap();
    assert_eq!(choice.kind, Some(choice::Kind::Value(Value::Null)));
    let choice = generated::awkward::v1::Choice::decode_json(br#"{"text":null}"#, MEMORY).unwrap();
    assert_eq!(choice.kind, None);
}

#[test]
fn lists_of_nulls_are_read_packed_and_not() {
    use generated::awkward::v1::WellKnown;
    use micro::types::NullValue;
    let both = WellKnown {
        nulls: vec![NullValue; 2],
        loose_nulls: vec![NullValue; 2],
        ..WellKnown::default()
    };
    let packed = [0xb2, 1, 2, 0, 0];
    let loose = [0xb8, 1, 0, 0xb8, 1, 0];
    assert_eq!(encoded(&both), [&packed[..], &loose].concat());
    let other_way = [&[0xb0, 1, 0, 0xb0, 1, 0][..], &[0xba, 1, 2, 0, 0]].concat();
    assert_eq!(WellKnown::decode(&other_way.into(), MEMORY).unwrap(), both);
    assert_eq!(
        json(&both),
        r#"{"nulls":[null,null],"looseNulls":[null,null]}"#
    );
}

#[test]
fn times_sent_in_parts_are_merged() {
    use generated::awkward::v1::WellKnown;
    use std::time::{Duration, UNIX_EPOCH};
    let (seconds, nanos) = ([8, 5], [16, 7]);
    let twice = |tag: u8| [&[tag << 3 | 2, 2][..], &seconds, &[tag << 3 | 2, 2], &nanos].concat();
    let bytes = [twice(1), twice(2)].concat();
    let read = WellKnown::decode(&bytes.into(), MEMORY).unwrap();
    assert_eq!(read.duration, Some(Duration::new(5, 7)));
    assert_eq!(read.timestamp, Some(UNIX_EPOCH + Duration::new(5, 7)));
}
