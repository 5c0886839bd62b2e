//! Methods at their plain HTTP paths. The server's own code interprets the rules of
//! `google.api.http`.

use serde_json::{Map, Value, json};

use crate::http::{Binding, BodyRule, Media, Parameter, Template};
use crate::model::{Field, Http, Message};
use crate::openapi::path::{self, Path};
use crate::openapi::{Document, ERROR, Operation, reference};

/// HTTP methods that `OpenAPI` supports.
const VERBS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

/// Adds a rule of a method. An invalid rule is skipped: the app reports it and does not start.
pub(super) fn add(document: &mut Document<'_>, operation: &Operation<'_>, rule: &Http) {
    let method = operation.method;
    let names = (&*method.request, &*method.reply);
    let Ok(binding) = Binding::of(rule.clone(), &document.types, names) else {
        return;
    };
    let Path {
        text: path,
        parameters: segments,
    } = document.names.path(binding.template());
    let request = document.shapes.message(&method.request);
    let segments = segments
        .iter()
        .map(|segment| in_path(document, request, (binding.template(), segment)));
    let mut parameters: Vec<Value> = segments.collect();
    for parameter in binding.parameters(&document.types) {
        parameters.extend(request.and_then(|request| in_query(document, request, &parameter)));
    }
    let body = body(document, (&binding, &method.request), request);
    let content = if method.streams_responses {
        stream(document, &method.reply)
    } else {
        reply(document, (&binding, &method.reply))
    };
    let mut operation = operation.json(&parameters, body, &content);
    // The template contains more than the path: which segments form one value, and where slashes
    // are allowed.
    operation["x-micro-path"] = rule.path.as_str().into();
    let verb = rule.verb.to_ascii_lowercase();
    if !VERBS.contains(&&*rule.verb) || document.has(&path, &verb) {
        operation["x-micro-verb"] = rule.verb.as_str().into();
        document.apart.push(operation);
    } else {
        document.put(&path, &verb, operation);
    }
}

/// The parameter of a wildcard segment.
fn in_path(
    document: &mut Document<'_>,
    request: Option<&Message>,
    (template, segment): (&Template, &path::Parameter<'_>),
) -> Value {
    let field = segment
        .variable
        .and_then(|variable| request.and_then(|request| find(document, request, variable.field())));
    let mut schema = match field {
        Some(field) if segment.whole && !segment.rest => document.shapes.field(field),
        _ if segment.rest => json!({ "type": "string" }),
        _ => json!({ "type": "string", "pattern": "^[^/]+$" }),
    };
    let mut about = Vec::new();
    if let Some(variable) = segment.variable {
        let field = variable.field();
        if !segment.whole {
            about.push(format!("A part of `{field}` in `{template}`."));
        } else if segment.name != field {
            about.push(format!("The field `{field}`."));
        }
    }
    if segment.rest {
        about.push("Zero or more segments; slashes are sent unencoded.".into());
    }
    if !about.is_empty() {
        schema["description"] = about.join(" ").into();
    }
    json!({ "name": segment.name, "in": "path", "required": true, "schema": schema })
}

fn in_query(
    document: &mut Document<'_>,
    request: &Message,
    parameter: &Parameter,
) -> Option<Value> {
    let field = find(document, request, &parameter.name)?;
    let schema = document.shapes.field(field);
    let mut made = json!({ "name": parameter.name, "in": "query", "schema": schema });
    if parameter.is_map() {
        made["style"] = "deepObject".into();
        made["explode"] = true.into();
    }
    // A required field of a message that may be omitted is not a required parameter.
    if field.required && !parameter.name.contains('.') {
        made["required"] = true.into();
    }
    if !field.doc.is_empty() {
        made["description"] = field.doc.as_str().into();
    }
    Some(made)
}

/// The possible bodies, by content type.
fn body(
    document: &mut Document<'_>,
    (binding, name): (&Binding, &str),
    request: Option<&Message>,
) -> Option<Value> {
    let mut content = Map::new();
    for media in binding.media() {
        let made = match (media, binding.body(), request) {
            (Media::Form, _, Some(request)) => form(document, binding, request),
            (Media::Json, BodyRule::Field(body), Some(request)) => {
                let own = field(request, &body.name);
                json!({ "schema": own.map(|own| document.shapes.field(own)) })
            }
            (Media::Json, _, _) => {
                json!({ "schema": whole(document, name, request, binding.template()) })
            }
            (media, ..) => raw(*media),
        };
        content.insert(media.name().to_owned(), made);
    }
    (!content.is_empty()).then_some(Value::Object(content))
}

/// The schema of a form, with the same names as in a query.
fn form(document: &mut Document<'_>, binding: &Binding, request: &Message) -> Value {
    let (mut properties, mut encoding) = (Map::new(), Map::new());
    for parameter in binding.form(&document.types) {
        let Some(field) = find(document, request, &parameter.name) else {
            continue;
        };
        if parameter.is_map() {
            let style = json!({ "style": "deepObject", "explode": true });
            encoding.insert(parameter.name.clone(), style);
        }
        properties.insert(parameter.name, document.shapes.field(field));
    }
    let mut made = json!({ "schema": { "type": "object", "properties": properties } });
    if !encoding.is_empty() {
        made["encoding"] = encoding.into();
    }
    made
}

/// The schema of a field that is sent without JSON.
fn raw(media: Media) -> Value {
    match media {
        Media::Text => json!({ "schema": { "type": "string" } }),
        _ => json!({}),
    }
}

/// The request without the fields that the path fills.
fn whole(
    document: &mut Document<'_>,
    name: &str,
    request: Option<&Message>,
    template: &Template,
) -> Value {
    let bound = |field: &&Field| {
        let mut variables = template.variables().iter();
        variables.any(|one| one.field() == field.name || one.field() == field.json_name)
    };
    match request {
        Some(request) if request.fields.iter().any(|field| bound(&field)) => {
            let left = request.fields.iter().filter(|field| !bound(field));
            let left: Vec<Field> = left.cloned().collect();
            Value::Object(document.shapes.object(&left, false))
        }
        _ => document.shapes.reference(name),
    }
}

/// The possible bodies of a unary response, by content type.
fn reply(document: &mut Document<'_>, (binding, name): (&Binding, &str)) -> Value {
    let message = document.shapes.message(name);
    let own = binding.response_body();
    let own = own.and_then(|body| message.and_then(|message| field(message, &body.name)));
    let mut content = Map::new();
    for media in binding.response_media() {
        let made = match (media, own) {
            (Media::Json, Some(field)) => json!({ "schema": document.shapes.field(field) }),
            (Media::Json, None) => json!({ "schema": document.shapes.reference(name) }),
            (media, _) => raw(*media),
        };
        content.insert(media.name().to_owned(), made);
    }
    Value::Object(content)
}

/// A stream of responses: lines of JSON, or server-sent events.
fn stream(document: &mut Document<'_>, name: &str) -> Value {
    let reply = document.shapes.reference(name);
    let line = json!({
        "type": "object",
        "description": "One line. `result` is a response; a line without it is the last one: \
            `error` is set if the call failed in mid-stream, `metadata` is the trailing metadata.",
        "properties": {
            "result": reply,
            "error": reference(ERROR),
            "metadata": {
                "type": "object",
                "additionalProperties": { "type": "array", "items": { "type": "string" } },
            },
        },
    });
    let events = json!({
        "type": "string",
        "description": "One event per response, with the response in JSON as its data; then an \
            event `end`, or an event `error` with the error in JSON.",
        "contentMediaType": "text/event-stream",
    });
    json!({
        "application/x-ndjson": { "schema": line },
        "text/event-stream": { "schema": events },
    })
}

fn field<'a>(message: &'a Message, name: &str) -> Option<&'a Field> {
    let mut fields = message.fields.iter();
    fields.find(|field| field.name == name || field.json_name == name)
}

/// Finds the field of a dotted path.
fn find<'a>(document: &Document<'a>, message: &'a Message, path: &str) -> Option<&'a Field> {
    let Some((first, rest)) = path.split_once('.') else {
        return field(message, path);
    };
    let inner = document
        .shapes
        .message(field(message, first)?.kind.name()?)?;
    find(document, inner, rest)
}
