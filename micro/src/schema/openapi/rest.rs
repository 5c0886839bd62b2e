//! Methods at their plain HTTP paths, after the rules of `google.api.http`.

use serde_json::{Value, json};

use crate::schema::http::{Segment, Template, Variable};
use crate::schema::model::{Field, Http, Kind, Label, Message, full, known_file};
use crate::schema::openapi::{Document, Operation};

/// HTTP methods that `OpenAPI` has a place for.
const VERBS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

/// How deep fields of fields are listed as parameters of the query.
const DEPTH: usize = 4;

/// Adds a rule of a method. One that is not well formed is left out; the app does not start with
/// it, and says why.
pub(super) fn add(document: &mut Document<'_>, operation: &Operation<'_>, rule: &Http) {
    let Ok(template) = Template::parse(&rule.path) else {
        return;
    };
    if !VERBS.contains(&&*rule.verb) {
        return;
    }
    let method = operation.method;
    let request = document.shapes.message(&method.request);
    let bound: Vec<&str> = template.variables().iter().map(Variable::field).collect();
    let mut parameters = path_parameters(document, request, &template);
    let body = match &*rule.body {
        "*" => Some(whole(document, &method.request, request, &bound)),
        "" => None,
        name => request
            .and_then(|request| field(request, name))
            .map(|field| document.shapes.field(field)),
    };
    if rule.body != "*"
        && let Some(request) = request
    {
        let taken: Vec<&str> = bound.iter().copied().chain([rule.body.as_str()]).collect();
        let mut query = Query {
            document,
            taken: &taken,
            found: Vec::new(),
        };
        query.fields(request, "", DEPTH);
        parameters.append(&mut query.found);
    }
    let reply = reply(document, &method.reply, &rule.response_body);
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let operation = operation.json(&parameters, body.map(content), &content(reply));
    document.put(&path(&template), &rule.verb.to_ascii_lowercase(), operation);
}

/// The path with its variables as `OpenAPI` writes them: one name each, without what it matches.
fn path(template: &Template) -> String {
    let mut parts = Vec::new();
    for (at, segment) in template.segments().iter().enumerate() {
        let mut variables = template.variables().iter();
        let inside = variables.find(|one| one.segments().contains(&at));
        match (inside, segment) {
            (Some(variable), _) if variable.segments().start == at => {
                parts.push(format!("/{{{}}}", variable.field()));
            }
            (Some(_), _) => {}
            (None, Segment::Literal(text)) => parts.push(format!("/{}", encoded(text))),
            (None, _) => parts.push(format!("/{{segment{at}}}")),
        }
    }
    parts.extend(template.verb().map(|verb| format!(":{}", encoded(verb))));
    parts.concat()
}

/// A literal with what has a meaning in paths and templates escaped.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let bytes = text.bytes().map(|byte| match byte {
        _ if plain(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

fn path_parameters(
    document: &mut Document<'_>,
    request: Option<&Message>,
    template: &Template,
) -> Vec<Value> {
    let named = template.variables().iter().map(|variable| {
        let target = request.and_then(|request| find(document, request, variable.field()));
        let mut schema = match target {
            Some(field) => document.shapes.field(field),
            None => json!({ "type": "string" }),
        };
        let pattern = pattern(&template.segments()[variable.segments()]);
        if variable.has_several_segments() || pattern != "[^/]+" {
            schema["pattern"] = format!("^{pattern}$").into();
        }
        json!({ "name": variable.field(), "in": "path", "required": true, "schema": schema })
    });
    let mut all: Vec<Value> = named.collect();
    for (at, segment) in template.segments().iter().enumerate() {
        let inside = template
            .variables()
            .iter()
            .any(|one| one.segments().contains(&at));
        if !inside && !matches!(segment, Segment::Literal(_)) {
            let name = format!("segment{at}");
            let schema = json!({ "type": "string" });
            all.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
    }
    all
}

/// What segments match, as a regular expression.
fn pattern(segments: &[Segment]) -> String {
    let segments = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => {
            let escaped = text.chars().flat_map(|char| match char {
                _ if char.is_alphanumeric() || "-_".contains(char) => vec![char],
                _ => vec!['\\', char],
            });
            escaped.collect()
        }
        Segment::One => "[^/]+".to_owned(),
        Segment::Rest => ".*".to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The request without what stands in the path already.
fn whole(
    document: &mut Document<'_>,
    name: &str,
    request: Option<&Message>,
    bound: &[&str],
) -> Value {
    match request {
        Some(request) if !bound.is_empty() => {
            let left = request
                .fields
                .iter()
                .filter(|field| !bound.contains(&&*field.name));
            let left: Vec<Field> = left.cloned().collect();
            Value::Object(document.shapes.object(&left, false))
        }
        _ => document.shapes.reference(name),
    }
}

fn reply(document: &mut Document<'_>, name: &str, field_name: &str) -> Value {
    let message = document.shapes.message(name);
    match message.and_then(|message| field(message, field_name)) {
        Some(field) => document.shapes.field(field),
        None => document.shapes.reference(name),
    }
}

fn field<'a>(message: &'a Message, name: &str) -> Option<&'a Field> {
    message.fields.iter().find(|field| field.name == name)
}

/// The field of a dotted path.
fn find<'a>(document: &Document<'a>, message: &'a Message, path: &str) -> Option<&'a Field> {
    let Some((first, rest)) = path.split_once('.') else {
        return field(message, path);
    };
    let inner = document
        .shapes
        .message(field(message, first)?.kind.name()?)?;
    find(document, inner, rest)
}

/// Lists the parameters of the query.
struct Query<'d, 'a> {
    document: &'d mut Document<'a>,
    /// Fields that path and body have taken.
    taken: &'d [&'d str],
    found: Vec<Value>,
}

impl Query<'_, '_> {
    fn fields(&mut self, message: &Message, prefix: &str, depth: usize) {
        for field in &message.fields {
            let name = full(prefix, &field.name);
            if self.taken.contains(&&*name) || matches!(field.label, Label::Map(_)) {
                continue;
            }
            let inner = match &field.kind {
                Kind::Message(kind) if known_file(kind).is_none() => {
                    Some(self.document.shapes.message(kind))
                }
                _ => None,
            };
            match inner {
                None => {
                    let schema = self.document.shapes.field(field);
                    let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
                    if field.required && prefix.is_empty() {
                        parameter["required"] = true.into();
                    }
                    if !field.doc.is_empty() {
                        parameter["description"] = field.doc.as_str().into();
                    }
                    self.found.push(parameter);
                }
                Some(Some(inner)) if depth > 0 && field.label != Label::Repeated => {
                    self.fields(inner, &name, depth - 1);
                }
                Some(_) => {}
            }
        }
    }
}
