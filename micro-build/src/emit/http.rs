//! Converts the option `google.api.http` of a method to keys of `#[micro::rpc]`.

use protox::prost_reflect::{DynamicMessage, MethodDescriptor, Value};

use crate::names::quoted;

/// The number of the option in `google.protobuf.MethodOptions`.
const HTTP: u32 = 72_295_728;

/// Returns the keys; empty if the method does not have the option.
pub(super) fn keys(method: &MethodDescriptor) -> Result<Vec<String>, String> {
    let options = method.options();
    let rule = options
        .extensions()
        .find(|(extension, _)| extension.number() == HTTP);
    let Some((_, Value::Message(rule))) = rule else {
        return Ok(Vec::new());
    };
    let mut bindings = vec![binding(rule)?];
    if let Some(more) = rule.get_field_by_name("additional_bindings") {
        let more = more.as_list().into_iter().flatten();
        for rule in more.filter_map(Value::as_message) {
            if rule.has_field_by_name("additional_bindings") {
                return Err(
                    "`additional_bindings` of the option `google.api.http` cannot be nested; move \
                     them into the outer rule"
                        .to_owned(),
                );
            }
            bindings.push(binding(rule)?);
        }
    }
    Ok(match &bindings[..] {
        [one] => [&[format!("http = {}", one[0])], &one[1..]].concat(),
        many => many
            .iter()
            .map(|one| format!("http({})", one.join(", ")))
            .collect(),
    })
}

/// Returns `"GET /v1/items/{id}"` and the keys for the bodies.
fn binding(rule: &DynamicMessage) -> Result<Vec<String>, String> {
    let (verb, path) = route(rule)?;
    let mut keys = vec![quoted(&format!("{verb} {path}"))];
    let body = text(rule, "body");
    // The default of `body` in `#[micro::rpc]`.
    let usual = if matches!(verb.as_str(), "POST" | "PUT" | "PATCH") {
        "*"
    } else {
        ""
    };
    if body != usual {
        keys.push(format!("body = {}", quoted(&body)));
    }
    let response = text(rule, "response_body");
    if !response.is_empty() {
        keys.push(format!("response_body = {}", quoted(&response)));
    }
    Ok(keys)
}

fn route(rule: &DynamicMessage) -> Result<(String, String), String> {
    for verb in ["get", "put", "post", "delete", "patch"] {
        let path = text(rule, verb);
        if !path.is_empty() {
            return Ok((verb.to_uppercase(), path));
        }
    }
    let custom = rule.get_field_by_name("custom");
    let custom = custom.as_ref().and_then(|value| value.as_message());
    match custom.map(|custom| (text(custom, "kind"), text(custom, "path"))) {
        // `HEAD` is the only custom method that micro supports.
        Some((kind, path)) if kind == "HEAD" && !path.is_empty() => Ok((kind, path)),
        Some((kind, _)) if !kind.is_empty() => Err(format!(
            "the option `google.api.http` does not support the custom kind `{kind}`; write `get`, \
             `put`, `post`, `delete`, `patch`, or `custom` with the kind `HEAD`"
        )),
        _ => Err(
            "the option `google.api.http` has no path; write for example `get: \"/…\"`".to_owned(),
        ),
    }
}

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    let text = value.as_ref().and_then(|value| value.as_str());
    text.unwrap_or_default().to_owned()
}
