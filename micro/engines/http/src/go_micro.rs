//! Go Micro's HTTP broker protocol in both directions: encodes, decodes and posts its events.
//!
//! The protocol has no keys and no acknowledgements. A Go Micro publisher discards an event
//! whatever the response status is, and a Go Micro subscriber may respond with 200 although its
//! handler failed. It is used only with peers that do not support micro's own protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::driver::http1;
use micro_broker::DeadLetter;
use micro_broker::Event;
use micro_broker::internal::Refusal;
use micro_broker::internal::random_id;
use micro_broker::{AckHandle, DeliveryOutcome};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// Header keys that hold the topic, the id and the content type of an event.
const TOPIC: &str = "Micro-Topic";
const ID: &str = "Micro-Id";
const CONTENT_TYPE: &str = "Content-Type";

/// Decodes an event.
///
/// # Errors
///
/// Returns `InvalidArgument` if the bytes are not a valid event.
pub(super) fn read(bytes: &[u8]) -> Result<Event> {
    let wrong = |why: &str| Error::invalid_argument(format!("no event of Go Micro: {why}"));
    let posted: Value = serde_json::from_slice(bytes)
        .map_err(|error| wrong("it is not JSON").with_source(error))?;
    let body = STANDARD.decode(posted["Body"].as_str().unwrap_or_default());
    let body = body.map_err(|error| wrong("the body is not base64").with_source(error))?;
    let mut header = BTreeMap::new();
    for (key, value) in posted["Header"].as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .ok_or_else(|| wrong("a header is not text"))?;
        header.insert(key.clone(), value.to_owned());
    }
    let mut take = |name: &str| {
        let key = header.keys().find(|key| key.eq_ignore_ascii_case(name));
        let key = key.cloned()?;
        header.remove(&key).filter(|value| !value.is_empty())
    };
    let topic = take(TOPIC).ok_or_else(|| wrong("it has no topic"))?;
    let kind = take(CONTENT_TYPE).unwrap_or_else(|| "application/json".to_owned());
    let id = take(ID).unwrap_or_else(random_id);
    let mut event = Event::raw(&topic, &kind, body)?;
    event.id = id;
    event.metadata = Metadata::new();
    for (key, value) in header {
        if let Err(error) = event.metadata.append(key, value) {
            tracing::debug!(%error, "header left out of the metadata");
        }
    }
    Ok(event)
}

/// Encodes an event.
pub(super) fn write(event: &Event) -> Result<Vec<u8>> {
    let (kind, body) = event.readable()?;
    let metadata = event.metadata.iter();
    let mut header: BTreeMap<String, String> = metadata
        .map(|(key, value)| (canonical(key), value.to_owned()))
        .collect();
    header.insert(TOPIC.to_owned(), event.topic.clone());
    header.insert("Micro-ID".to_owned(), event.id.clone());
    header.insert(CONTENT_TYPE.to_owned(), kind.to_owned());
    let posted = json!({ "Header": header, "Body": STANDARD.encode(body) });
    Ok(posted.to_string().into_bytes())
}

/// Converts a key to Go's canonical header form, for example `trace-id` to `Trace-Id`.
fn canonical(key: &str) -> String {
    let mut up = true;
    let letter = |letter: char| {
        let new = if up {
            letter.to_ascii_uppercase()
        } else {
            letter
        };
        up = letter == '-';
        new
    };
    key.chars().map(letter).collect()
}

/// Posts an event to a subscriber in a Go Micro program. Acceptance counts as handled.
pub(super) async fn post(
    (address, id): (&str, &str),
    event: &Arc<Event>,
    settle: AckHandle,
    deadline: Instant,
) -> Result<(), Refusal> {
    let body = write(event).map_err(Refusal::Never)?;
    let target = format!("/?id={}", escaped(id));
    // The dispatcher probes for room with a deadline that has already passed. This protocol has no
    // equivalent: a POST needs time to complete.
    let deadline = deadline.max(Instant::now() + std::time::Duration::from_millis(500));
    let posting = http1::post(address, &target, "application/json", &body);
    let gone = |why: String| {
        let text = format!("the Go Micro program at {address} {why}");
        Refusal::Gone(Error::unavailable(text))
    };
    match timeout_at(deadline, posting).await {
        Ok(Ok(200..=299)) => {
            settle.complete(DeliveryOutcome::Handled);
            Ok(())
        }
        Ok(Ok(status)) => Err(gone(format!("answered with {status}"))),
        Ok(Err(error)) => Err(gone(format!("cannot be reached: {error}"))),
        Err(_) => Err(gone("did not answer in time".to_owned())),
    }
}

/// Percent-encodes an id for use in a query.
fn escaped(id: &str) -> String {
    let mut text = String::new();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            other => {
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                text.extend(['%', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
    text
}

/// Creates the dead letter for an event whose publisher has discarded it and whose subscriber has
/// ended.
pub(super) fn unhandled(event: Event) -> DeadLetter {
    let attempts = event.redelivered;
    DeadLetter::new(
        event,
        "its subscriber",
        "the subscriber ended, and Go Micro keeps no events",
        attempts,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[micro::message(topic = "greeter.greeted")]
    struct Greeted {
        name: String,
    }

    #[test]
    fn what_is_written_is_read_and_json_on_the_way() {
        let greeted = Greeted {
            name: "Ada".to_owned(),
        };
        let mut event = Event::new("greeter.greeted", &greeted).unwrap();
        event.metadata.insert("tenant-id", "acme").unwrap();
        let bytes = write(&event).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(r#""Tenant-Id":"acme""#), "{text}");
        let back = read(&bytes).unwrap();
        assert_eq!((&*back.topic, &back.id), ("greeter.greeted", &event.id));
        assert_eq!(back.metadata.get("tenant-id"), Some("acme"));
        assert_eq!(back.body, r#"{"name":"Ada"}"#);
        assert_eq!(back.decode::<Greeted>().unwrap().name, "Ada");
    }

    #[test]
    fn hostile_bytes_are_refused() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"Header":null,"Body":null}"#,
            r#"{"Header":{"Micro-Topic":"a b"},"Body":""}"#,
            r#"{"Header":{"Micro-Topic":"a"},"Body":"?"}"#,
            r#"{"Header":{"Micro-Topic":7}}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let bare = read(br#"{"Header":{"micro-topic":"a"}}"#).unwrap();
        assert_eq!(bare.content_type, "application/json");
        assert!(!bare.id.is_empty());
        assert_eq!(escaped("a b/ü"), "a%20b%2F%C3%BC");
    }
}
