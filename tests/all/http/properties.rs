//! Properties of path templates and bindings for any input. For tests and fuzz targets.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use micro::codec::{Message, Types};
use micro::schema::http::{Binding, Found, HttpRule, Media, Template, Tree};
use serde_json::value::RawValue;

#[micro::message(package = "fuzz")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) part: Part,
    pub(crate) token: Vec<u8>,
    pub(crate) texts: Vec<String>,
    pub(crate) numbers: Vec<i32>,
    pub(crate) labels: BTreeMap<String, i64>,
    pub(crate) color: Color,
    pub(crate) ttl: Option<Duration>,
    pub(crate) ratio: f32,
    pub(crate) exact: Option<bool>,
}

#[micro::message(package = "fuzz")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) inner: Option<Box<Part>>,
    pub(crate) all: Vec<Part>,
}

#[micro::message(package = "fuzz")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Color {
    Unknown,
    Red,
}

/// Rules of every form.
const RULES: &[HttpRule] = &[
    HttpRule::new("GET", "/{id}"),
    HttpRule::new("GET", "/{id}/{part.name=**}"),
    HttpRule::new("PUT", "/{id}/{part.name=a/*}")
        .body("part")
        .response_body("name"),
    HttpRule::new("PUT", "/{id}").body("*"),
    HttpRule::new("PUT", "/{id}/{part.inner.name}").body("*"),
    HttpRule::new("PUT", "/{id}/token").body("token"),
    HttpRule::new("PUT", "/{id}/name:set").body("name"),
];

/// A text is refused, or parses to a template whose text is the same template.
pub(crate) fn template(text: &str) -> Option<Template> {
    let template = Template::parse(text).ok()?;
    assert_eq!(template.as_str(), text);
    for variable in template.variables() {
        assert!(variable.segments().end <= template.segments().len());
        assert!(!variable.segments().is_empty() && !variable.field().is_empty());
    }
    Some(template)
}

/// A tree finds a template if and only if one matches, and the found one matches.
pub(crate) fn lookup(templates: &[&str], path: &str) {
    let mut tree = Tree::new();
    let mut all: Vec<Template> = Vec::new();
    for (index, text) in templates.iter().enumerate() {
        let Some(template) = template(text) else {
            continue;
        };
        let same = |other: &Template| {
            (other.segments(), other.verb()) == (template.segments(), template.verb())
        };
        let taken = all.iter().any(same);
        assert_eq!(tree.add("GET", template.clone(), index).is_err(), taken);
        if !taken {
            all.push(template);
        }
    }
    // An invalid encoding matches and is refused later.
    let matches = |template: &Template| !matches!(template.values(path), Ok(None));
    let matching = all.iter().filter(|template| matches(template)).count();
    match tree.find("GET", path) {
        Found::Entry(template, _) => assert!(matches(template), "{template} {path}"),
        Found::Methods(methods) => panic!("{methods:?} at {path}"),
        Found::Nothing => assert_eq!(matching, 0, "{templates:?} {path}"),
    }
    let other = matches!(tree.find("POST", path), Found::Methods(_));
    assert_eq!(other, matching > 0, "{templates:?} {path}");
}

/// A request is refused, or becomes one JSON document with the variables of the path.
pub(crate) fn binding(path: &str, query: &str, body: &[u8]) {
    let mut types = Types::default();
    let name = Request::describe(&mut types);
    for rule in RULES {
        let binding = Binding::new(rule, &types, (&name, &name)).expect("the rule fits");
        let Ok(Some(values)) = binding.template().values(path) else {
            continue;
        };
        let bodies = binding.media().iter().map(|media| Some((*media, body)));
        for body in bodies.chain([None]) {
            let given = body.map(|(media, body)| (media, Bytes::copy_from_slice(body)));
            let Ok(document) = binding.request(&types, (path, query), given, 1 << 20) else {
                continue;
            };
            let as_is = matches!(body, Some((Media::Json, body)) if document == body);
            let json: serde_json::Result<&RawValue> = serde_json::from_slice(&document);
            let shown = String::from_utf8_lossy(&document);
            assert!(json.is_ok() || as_is, "{rule}: {shown}");
            if let Ok(request) = Request::decode_json(&document, 1 << 20) {
                assert_eq!(request.id.to_string(), values[0].or_zero());
                response(&binding, &types, &request);
            }
        }
    }
}

/// The JSON of the response's field is valid.
fn response(binding: &Binding, types: &Types, reply: &Request) {
    let mut json = Vec::new();
    reply
        .encode_json(&mut json)
        .expect("what was read can be written");
    let part = binding.response(types, &json).expect("it is an object");
    let value: serde_json::Value = serde_json::from_str(&part).expect("it is JSON");
    if binding.response_body().is_some() {
        assert_eq!(value, reply.name.as_str());
    }
}

/// Accepts numbers with leading zeros.
trait OrZero {
    fn or_zero(&self) -> &Self;
}

impl OrZero for str {
    fn or_zero(&self) -> &Self {
        let text = self
            .strip_prefix('+')
            .unwrap_or(self)
            .trim_start_matches('0');
        if text.is_empty() { "0" } else { text }
    }
}
