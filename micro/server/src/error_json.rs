//! Errors in Connect's JSON format: as a body, or in the end of a stream. All protocols over plain
//! HTTP use this format.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value};

use crate::body::{HttpResponse, plain};
use crate::failure::Failure;
use micro_message::error::{Detail, Error};
use micro_message::metadata::Metadata;
use micro_wire::headers;

/// Returns the response to a failed call.
pub(super) fn refuse(error: &Error) -> HttpResponse {
    let status = StatusCode::from_u16(error.kind().http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refuse_as(status, error);
    if status == 499 {
        // Status 499 is not standardized. A status line without a reason phrase looks broken to
        // people.
        let reason = ReasonPhrase::from_static(b"Client Closed Request");
        response.extensions_mut().insert(reason);
    }
    response
}

/// Like [`refuse`], with the metadata that the handler has set.
pub(super) fn refuse_with(failure: &Failure) -> HttpResponse {
    let mut response = refuse(&failure.error);
    let written = write_metadata(&failure.metadata, &failure.trailers, response.headers_mut());
    if let Err(error) = written {
        tracing::warn!(%error, "metadata of a failed call left out");
    }
    response
}

/// Like [`refuse`], with another status.
pub(super) fn refuse_as(status: StatusCode, error: &Error) -> HttpResponse {
    plain(status, "application/json", json(error).to_string())
}

/// Adds the metadata of a unary response. Trailing metadata gets the prefix `trailer-`.
pub(super) fn write_metadata(
    metadata: &Metadata,
    trailers: &Metadata,
    out: &mut HeaderMap,
) -> Result<(), Error> {
    headers::write(metadata, out)?;
    headers::write_prefixed("trailer-", trailers, out)
}

/// Returns an error in Connect's JSON format.
pub(super) fn json(error: &Error) -> Value {
    let mut json = serde_json::json!({
        "code": error.kind().name(),
        "message": error.message(),
    });
    if !error.details().is_empty() {
        let details = error.details().iter().map(|detail| {
            let mut entry = serde_json::json!({
                "type": detail.name,
                "value": STANDARD_NO_PAD.encode(&detail.value),
            });
            // For people; programs read `value`.
            if let Some(debug) = readable(detail) {
                entry["debug"] = debug;
            }
            entry
        });
        json["details"] = details.collect();
    }
    json
}

/// Returns a detail as JSON if its type is known.
fn readable(detail: &Detail) -> Option<Value> {
    serde_json::from_str(&detail.json()?).ok()
}

/// Returns the end of a stream: the error, if any, and the trailing metadata.
pub(super) fn end(outcome: Result<(), &Error>, metadata: &Metadata) -> Value {
    let mut end = Map::new();
    if let Err(error) = outcome {
        end.insert("error".into(), json(error));
    }
    let mut after: Map<String, Value> = Map::new();
    for (key, value) in metadata.iter() {
        let values = after.entry(key).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.into());
        }
    }
    if !after.is_empty() {
        end.insert("metadata".into(), after.into());
    }
    end.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_known_types_are_readable() {
        let json = |value: &[u8]| Some(format!("{{\"length\": {}}}", value.len()));
        let detail = Detail::new("a.B", [1]).with_json(json);
        let sent = super::json(&Error::aborted("x").with_detail(detail));
        assert_eq!(
            sent["details"][0]["debug"],
            serde_json::json!({"length": 1})
        );
    }

    #[test]
    fn errors_are_connect_s_json() {
        let error = Error::not_found("no „x“").with_detail(Detail::new("a.B", [1]));
        let expected = serde_json::json!({
            "code": "not_found",
            "message": "no „x“",
            "details": [{"type": "a.B", "value": "AQ"}],
        });
        assert_eq!(json(&error), expected);
        let mut metadata = Metadata::new();
        for (key, value) in [("a", "1"), ("b-bin", "AAEC"), ("a", "2")] {
            metadata.append(key, value).unwrap();
        }
        assert_eq!(
            end(Err(&error), &metadata),
            serde_json::json!({
                "error": expected,
                "metadata": {"a": ["1", "2"], "b-bin": ["AAEC"]},
            })
        );
        assert_eq!(end(Ok(()), &Metadata::new()), serde_json::json!({}));
    }
}
