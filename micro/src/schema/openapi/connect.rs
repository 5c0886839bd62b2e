//! Methods at their Connect paths: `POST /package.Service/Method` with JSON.

use serde_json::{Value, json};

use crate::error::ErrorKind;
use crate::schema::model::Method;
use crate::schema::openapi::{Document, Operation};

/// Adds a method: as an operation, or as a stream.
pub(super) fn add(document: &mut Document<'_>, service: &str, method: &Method) {
    let path = format!("/{service}/{}", method.name);
    let request = document.shapes.reference(&method.request);
    let reply = document.shapes.reference(&method.reply);
    if method.streams_requests || method.streams_replies {
        document.streams.push(json!({
            "path": path,
            "service": service,
            "method": method.name,
            "streamsRequests": method.streams_requests,
            "streamsReplies": method.streams_replies,
            "request": request,
            "reply": reply,
            "description": method.doc,
        }));
        return;
    }
    let operation = Operation {
        service,
        method,
        id: format!("{service}.{}", method.name),
    };
    let timeout = json!({ "$ref": "#/components/parameters/timeout" });
    let content = json!({ "application/json": { "schema": reply } });
    if method.idempotent {
        let mut get = Operation {
            id: format!("{service}.{}.get", method.name),
            ..operation
        }
        .json(vec![timeout.clone()], None, content.clone());
        get["parameters"] = query(&request);
        document.put(&path, "get", get);
    }
    let body = json!({ "application/json": { "schema": request } });
    let operation = Operation {
        service,
        method,
        id: format!("{service}.{}", method.name),
    };
    document.put(
        &path,
        "post",
        operation.json(vec![timeout], Some(body), content),
    );
}

/// The request in the query of a GET.
fn query(request: &Value) -> Value {
    json!([
        {
            "name": "message",
            "in": "query",
            "required": true,
            "content": { "application/json": { "schema": request } },
        },
        {
            "name": "encoding",
            "in": "query",
            "required": true,
            "schema": { "const": "json" },
        },
        { "name": "connect", "in": "query", "schema": { "const": "v1" } },
        { "$ref": "#/components/parameters/timeout" },
    ])
}

/// How long the caller waits.
pub(super) fn timeout() -> Value {
    json!({
        "name": "Connect-Timeout-Ms",
        "in": "header",
        "description": "How long the caller waits, in milliseconds.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 9_999_999_999_u64 },
    })
}

/// An error as Connect writes it.
pub(super) fn error() -> Value {
    let kinds: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
    json!({
        "type": "object",
        "title": "Error",
        "properties": {
            "code": { "enum": kinds },
            "message": { "type": "string" },
            "details": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": { "type": "string", "description": "The message's full name." },
                        "value": { "type": "string", "contentEncoding": "base64" },
                    },
                    "required": ["type", "value"],
                },
            },
        },
        "required": ["code"],
    })
}
