//! `OpenAPI` 3.1: every unary method at its Connect path, and all plain HTTP paths.
//!
//! `OpenAPI` cannot describe Connect's streams, so they are listed under `x-micro-streams`, which a
//! page can show. It cannot describe custom HTTP methods either, nor two templates that differ only
//! in `*` and `**`: their operations are under `x-micro-http`.

mod connect;
mod path;
mod rest;
mod types;

use serde_json::{Map, Value, json};

use crate::json_schema::{DIALECT, Shapes, text};
use crate::model::{Method, Schema, Service};
use crate::openapi::path::Names;
use micro_message::codec::Types;

/// Path of the definitions.
const SCHEMAS: &str = "#/components/schemas/";

/// The name of the definition of errors. It cannot collide with a message's name, because the
/// package name is not used otherwise.
const ERROR: &str = "connect.error";

impl Schema {
    /// Returns the `OpenAPI` description as JSON, with this title and version.
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

/// The document under construction.
struct Document<'a> {
    shapes: Shapes<'a>,
    /// The same messages as in `shapes`, in the server's representation.
    types: Types,
    names: Names,
    paths: Map<String, Value>,
    streams: Vec<Value>,
    /// Plain HTTP operations that `paths` cannot contain.
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

    /// Whether the document has an operation for this path and HTTP method.
    fn has(&self, path: &str, verb: &str) -> bool {
        self.paths
            .get(path)
            .is_some_and(|place| !place[verb].is_null())
    }

    /// Adds an operation, unless the path has one for this HTTP method.
    fn put(&mut self, path: &str, verb: &str, operation: Value) {
        let place = self.paths.entry(path).or_insert_with(|| json!({}));
        if place[verb].is_null() {
            place[verb] = operation;
        }
    }
}

/// The common properties of a method's operations.
struct Operation<'a> {
    service: &'a str,
    method: &'a Method,
    id: String,
}

impl Operation<'_> {
    /// Builds the operation from its parameters, its body and its successful response.
    fn json(&self, parameters: &[Value], body: Option<Value>, content: &Value) -> Value {
        let mut operation = json!({
            "tags": [self.service],
            "operationId": self.id,
            "parameters": parameters,
            "responses": {
                "200": { "description": "The response.", "content": content },
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
