//! Writes a schema as the text of a committed file.

use crate::model::{Enum, Field, File, Http, Message, Method, Schema, Service, json_name};
use crate::text::FORMAT;
use crate::text::layout::Node;

/// Returns the text.
pub(super) fn text(schema: &Schema) -> String {
    let root = Node::Object(vec![
        ("format", Node::Leaf(FORMAT.to_string())),
        ("files", list(&schema.files, file)),
    ]);
    let mut out = String::new();
    root.write(0, &mut out);
    out.push('\n');
    out
}

fn list<T>(items: &[T], node: fn(&T) -> Node) -> Node {
    Node::List(items.iter().map(node).collect())
}

fn flag(is: bool) -> Node {
    Node::Leaf(is.to_string())
}

fn number(number: i32) -> Node {
    Node::Leaf(number.to_string())
}

fn file(file: &File) -> Node {
    Node::object([
        ("name", Node::text(&file.name)),
        ("package", Node::text(&file.package)),
        ("knows_required", flag(file.knows_required)),
        ("messages", list(&file.messages, message)),
        ("enums", list(&file.enums, enumeration)),
        ("services", list(&file.services, service)),
    ])
}

fn message(message: &Message) -> Node {
    Node::object([
        ("name", Node::text(&message.name)),
        ("doc", Node::text(&message.doc)),
        ("deprecated", flag(message.deprecated)),
        ("choice", flag(message.choice)),
        (
            "oneofs",
            Node::List(message.oneof_docs.iter().map(oneof).collect()),
        ),
        ("reserved", reserved(&message.reserved)),
        (
            "reserved_names",
            list(&message.reserved_names, |name| Node::text(name)),
        ),
        ("fields", list(&message.fields, field)),
        ("messages", list(&message.messages, self::message)),
        ("enums", list(&message.enums, enumeration)),
    ])
}

fn oneof((name, doc): (&String, &String)) -> Node {
    Node::object([("name", Node::text(name)), ("doc", Node::text(doc))])
}

fn field(field: &Field) -> Node {
    let json = match json_name(&field.name) {
        usual if usual == field.json_name => "",
        _ => &field.json_name,
    };
    Node::object([
        ("tag", number(field.tag)),
        ("name", Node::text(&field.name)),
        ("type", Node::text(&field.label.with(&field.kind))),
        ("json", Node::text(json)),
        ("unpacked", flag(field.unpacked)),
        (
            "oneof",
            Node::text(field.oneof.as_deref().unwrap_or_default()),
        ),
        ("required", flag(field.required)),
        ("deprecated", flag(field.deprecated)),
        ("doc", Node::text(&field.doc)),
    ])
}

fn enumeration(one: &Enum) -> Node {
    let value = |value: &crate::model::Value| {
        Node::object([
            ("number", number(value.number)),
            ("name", Node::text(&value.name)),
            ("placeholder", flag(value.placeholder)),
            ("deprecated", flag(value.deprecated)),
            ("doc", Node::text(&value.doc)),
        ])
    };
    Node::object([
        ("name", Node::text(&one.name)),
        ("doc", Node::text(&one.doc)),
        ("deprecated", flag(one.deprecated)),
        ("catch_all", flag(one.catch_all)),
        ("reserved", reserved(&one.reserved)),
        (
            "reserved_names",
            list(&one.reserved_names, |name| Node::text(name)),
        ),
        ("values", Node::List(one.values.iter().map(value).collect())),
    ])
}

fn reserved(ranges: &[(i32, i32)]) -> Node {
    let ranges = ranges.iter().map(|(first, last)| match last {
        last if first == last => number(*first),
        _ => Node::text(&format!("{first} to {last}")),
    });
    Node::List(ranges.collect())
}

fn service(service: &Service) -> Node {
    Node::object([
        ("name", Node::text(&service.name)),
        ("deprecated", flag(service.deprecated)),
        ("doc", Node::text(&service.doc)),
        ("methods", list(&service.methods, method)),
    ])
}

fn method(method: &Method) -> Node {
    let message = |streams: bool, name: &str| {
        if streams {
            Node::text(&format!("stream {name}"))
        } else {
            Node::text(name)
        }
    };
    Node::object([
        ("name", Node::text(&method.name)),
        ("request", message(method.streams_requests, &method.request)),
        ("reply", message(method.streams_responses, &method.reply)),
        (
            "error",
            Node::text(method.error.as_deref().unwrap_or_default()),
        ),
        ("idempotent", flag(method.idempotent)),
        ("safe", flag(method.safe)),
        ("deprecated", flag(method.deprecated)),
        ("doc", Node::text(&method.doc)),
        ("http", list(&method.http, http)),
    ])
}

fn http(http: &Http) -> Node {
    Node::object([
        ("verb", Node::text(&http.verb)),
        ("path", Node::text(&http.path)),
        ("body", Node::text(&http.body)),
        ("response_body", Node::text(&http.response_body)),
    ])
}
