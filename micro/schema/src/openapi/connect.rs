//! Methods at their Connect paths: `POST /package.Service/Method` with JSON.

use serde_json::{Value, json};

use crate::model::Method;
use crate::openapi::{Document, Operation};
use micro_message::error::ErrorKind;

/// Adds a method, as an operation or as a stream.
pub(super) fn add(document: &mut Document<'_>, service: &str, method: &Method) {
    let path = format!("/{service}/{}", method.name);
    let request = document.shapes.reference(&method.request);
    let reply = document.shapes.reference(&method.reply);
    if method.streams_requests || method.streams_responses {
        document.streams.push(json!({
            "path": path,
            "service": service,
            "method": method.name,
            "streamsRequests": method.streams_requests,
            "streamsReplies": method.streams_responses,
            "request": request,
            "reply": reply,
            "description": method.doc,
            "deprecated": method.deprecated,
        }));
        return;
    }
    let timeout = json!({ "$ref": "#/components/parameters/timeout" });
    let content = json!({ "application/json": { "schema": reply } });
    let named = |suffix: &str| Operation {
        service,
        method,
        id: format!("{service}.{}{suffix}", method.name),
    };
    if method.idempotent {
        document.put(
            &path,
            "get",
            named(".get").json(&query(&request), None, &content),
        );
    }
    let body = json!({ "application/json": { "schema": request } });
    document.put(
        &path,
        "post",
        named("").json(&[timeout], Some(body), &content),
    );
}

/// The parameters of a GET whose query contains the request.
fn query(request: &Value) -> [Value; 4] {
    let fixed = |name: &str, value: &str, required: bool| {
        let schema = json!({ "const": value });
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    };
    let message = json!({
        "name": "message",
        "in": "query",
        "required": true,
        "content": { "application/json": { "schema": request } },
    });
    let timeout = json!({ "$ref": "#/components/parameters/timeout" });
    [
        message,
        fixed("encoding", "json", true),
        fixed("connect", "v1", false),
        timeout,
    ]
}

/// The header with the timeout of a call.
pub(super) fn timeout() -> Value {
    json!({
        "name": "Connect-Timeout-Ms",
        "in": "header",
        "description": "Timeout of the call in milliseconds.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 9_999_999_999_u64 },
    })
}

/// The schema of an error in Connect.
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
