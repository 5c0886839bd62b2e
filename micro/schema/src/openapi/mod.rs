//! `OpenAPI` 3.1: every unary method at its Connect path, and each plain HTTP path.
//!
//! Streams of Connect have no place in `OpenAPI`; they are listed under `x-micro-streams`, so that
//! a page can show them. Neither have plain HTTP methods of one's own, nor two templates that
//! differ in `*` and `**` alone: `x-micro-http` has their operations.

mod connect;
mod path;
mod rest;
mod types;

use serde_json::{Map, Value, json};

use crate::json_schema::{DIALECT, Shapes, text};
use crate::model::{Method, Schema, Service};
use crate::openapi::path::Names;
use micro_message::codec::Types;

/// Where definitions stand.
const SCHEMAS: &str = "#/components/schemas/";

/// The definition of errors; no message has this name, because no package has.
const ERROR: &str = "connect.error";

impl Schema {
    /// The `OpenAPI` description as JSON, under a title and a version of one's own choice.
    pub fn openapi(&self, title: &str, version: &str) -> String {
        let services = self.services();
        let mut document = Document {
            shapes: Shapes::new(self, SCHEMAS),
            types: types::types(self),
            names: Names::default(),
            paths: Map::new(),
            streams: Vec::new(),
            apart: Vec::new(),
        };
        for (name, service) in &services {
            for method in &service.methods {
                let mut method = method.clone();
                method.deprecated |= service.deprecated;
                document.method(name, &method);
            }
        }
        let tags = services.iter().map(|(name, service)| tag(name, service));
        let mut schemas = document.shapes.definitions();
        schemas.insert(ERROR.to_owned(), connect::error());
        text(&json!({
            "openapi": "3.1.0",
            "jsonSchemaDialect": DIALECT,
            "info": { "title": title, "version": version },
            "tags": tags.collect::<Vec<_>>(),
            "paths": document.paths,
            "components": {
                "schemas": schemas,
                "responses": { "error": {
                    "description": "The call failed.",
                    "content": { "application/json": { "schema": reference(ERROR) } },
                } },
                "parameters": { "timeout": connect::timeout() },
            },
            "x-micro-streams": document.streams,
            "x-micro-http": document.apart,
        }))
    }
}

/// What comes together while methods are gone through.
struct Document<'a> {
    shapes: Shapes<'a>,
    /// The same messages as `shapes` has, as the server knows them.
    types: Types,
    names: Names,
    paths: Map<String, Value>,
    streams: Vec<Value>,
    /// Operations of plain HTTP that `paths` has no place for.
    apart: Vec<Value>,
}

impl Document<'_> {
    fn method(&mut self, service: &str, method: &Method) {
        connect::add(self, service, method);
        for (rule, index) in method.http.iter().zip(1..) {
            let id = format!("{service}.{}.http{index}", method.name);
            let operation = Operation {
                service,
                method,
                id,
            };
            rest::add(self, &operation, rule);
        }
    }

    /// Whether there is an operation already.
    fn has(&self, path: &str, verb: &str) -> bool {
        self.paths
            .get(path)
            .is_some_and(|place| !place[verb].is_null())
    }

    /// Adds an operation unless its place is taken.
    fn put(&mut self, path: &str, verb: &str, operation: Value) {
        let place = self.paths.entry(path).or_insert_with(|| json!({}));
        if place[verb].is_null() {
            place[verb] = operation;
        }
    }
}

/// What all operations of a method have in common.
struct Operation<'a> {
    service: &'a str,
    method: &'a Method,
    id: String,
}

impl Operation<'_> {
    /// The operation around its parameters, its body and its successful response.
    fn json(&self, parameters: &[Value], body: Option<Value>, content: &Value) -> Value {
        let mut operation = json!({
            "tags": [self.service],
            "operationId": self.id,
            "parameters": parameters,
            "responses": {
                "200": { "description": "The reply.", "content": content },
                "default": { "$ref": "#/components/responses/error" },
            },
        });
        let doc = self.method.doc.trim();
        if let Some(first) = doc.lines().next() {
            operation["summary"] = first.trim_end_matches('.').into();
            operation["description"] = doc.into();
        }
        if self.method.deprecated {
            operation["deprecated"] = true.into();
        }
        if let Some(content) = body {
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        operation
    }
}

fn tag(name: &str, service: &Service) -> Value {
    let mut tag = json!({ "name": name });
    if !service.doc.is_empty() {
        tag["description"] = service.doc.as_str().into();
    }
    tag
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

#[cfg(test)]
mod tests;
