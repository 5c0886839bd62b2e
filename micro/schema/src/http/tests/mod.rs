//! Plain HTTP requests to messages: what fills which field, and what is rejected.

mod requests;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use micro_message::codec::{Message, Types};
use micro_message::error::Result;

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default, PartialEq)]
struct Item {
    name: String,
    title: String,
    price: f64,
    color: Color,
    parts: Vec<Item>,
    made_of: Option<Box<Item>>,
    photo: Vec<u8>,
    note: Option<String>,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Color {
    #[default]
    Unknown,
    Red,
    Blue,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default, PartialEq)]
struct Request {
    id: u64,
    page_size: Option<i32>,
    item: Item,
    tags: Vec<String>,
    colors: Vec<Color>,
    numbers: Vec<i64>,
    labels: BTreeMap<String, i32>,
    exact: bool,
    ttl: Duration,
    token: Vec<u8>,
    text: String,
}

struct Bound {
    types: Types,
    binding: Binding,
}

fn try_bind(rule: &HttpRule) -> Result<Bound, Vec<String>> {
    let mut types = Types::default();
    let (input, output) = (Request::describe(&mut types), Item::describe(&mut types));
    match Binding::new(rule, &types, (&input, &output)) {
        Ok(binding) => Ok(Bound { types, binding }),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

fn bind(verb: &'static str, path: &'static str, body: &'static str) -> Bound {
    try_bind(&HttpRule::new(verb, path).body(body)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

impl Bound {
    fn document(&self, target: &str, body: Option<(Media, &str)>) -> Result<Bytes> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = body.map(|(media, body)| (media, Bytes::copy_from_slice(body.as_bytes())));
        self.binding
            .request(&self.types, (path, query), body, 16 << 20)
    }

    fn request(&self, target: &str, body: Option<(Media, &str)>) -> Result<Request> {
        let document = self.document(target, body)?;
        Request::decode_json(&document, 4 << 20)
    }

    fn refusal(&self, target: &str, body: Option<(Media, &str)>) -> String {
        match self.request(target, body) {
            Ok(request) => panic!("{target}: {request:?}"),
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    micro_message::error::ErrorKind::InvalidArgument
                );
                error.to_string()
            }
        }
    }
}
