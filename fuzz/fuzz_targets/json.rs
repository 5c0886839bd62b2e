//! JSON into messages: what is read is written the same ever after, by way of protobuf, too.
//!
//! The first byte chooses the type. Of the one that has every kind of field a single field's value
//! is the input, beside good values of all others.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/all/message/model.rs"]
mod model;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use micro::codec::Message;
use micro::types::{Any, FieldMask, ListValue, Struct, Value};
use serde_json::value::RawValue;

const MEMORY: usize = 64 << 10;

/// The fields of a good message, each as text.
static FIELDS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let mut json = Vec::new();
    model::full().encode_json(&mut json).expect("it is a good one");
    let fields: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(&json).expect("our own JSON is good");
    let text = |(name, value): (String, Box<RawValue>)| (name, value.get().to_owned());
    fields.into_iter().map(text).collect()
});

/// `Any` holds it.
#[micro::message(package = "torture", any)]
struct Held {
    text: String,
    numbers: Vec<i64>,
    within: Option<Box<Held>>,
}

/// Every key of an `Any` of these is one that it may have.
#[micro::message(package = "torture")]
struct Known {
    any: Any,
    anything: Value,
    object: Struct,
    list: ListValue,
    mask: FieldMask,
    held: Vec<Any>,
    #[micro(as = "wrapper")]
    wrapped: Option<i64>,
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, json)) = bytes.split_first() else {
        return;
    };
    match first {
        0 => trip::<Known>(json),
        1 => trip::<model::Shape>(json),
        2 => trip::<model::Tree>(json),
        3 => trip::<Any>(json),
        4 => trip::<Value>(json),
        5 => trip::<model::Torture>(json),
        _ => trip::<model::Torture>(&with(usize::from(first), json)),
    }
});

/// The good message with another value in one of its fields.
fn with(field: usize, json: &[u8]) -> Vec<u8> {
    let mut text = b"{".to_vec();
    for (at, (name, value)) in FIELDS.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        text.extend_from_slice(format!("{comma}\"{name}\":").as_bytes());
        let is_this = at == field % FIELDS.len();
        text.extend_from_slice(if is_this { json } else { value.as_bytes() });
    }
    text.push(b'}');
    text
}

fn trip<M: Message>(json: &[u8]) {
    let Ok(message) = M::decode_json(json, MEMORY) else {
        return;
    };
    let text = written(&message);
    let again = M::decode_json(&text, usize::MAX).expect("our own JSON is good");
    same(&text, &written(&again));
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let back = M::decode(&bytes.into(), usize::MAX).expect("our own bytes are good");
    same(&text, &written(&back));
}

fn written<M: Message>(message: &M) -> Vec<u8> {
    let mut text = Vec::new();
    message.encode_json(&mut text).expect("it came from JSON");
    text
}

/// The same JSON; the order within a hash map may differ.
fn same(one: &[u8], other: &[u8]) {
    let read = |text| serde_json::from_slice::<serde_json::Value>(text).expect("it is JSON");
    if one != other {
        assert_eq!(read(one), read(other));
    }
}
