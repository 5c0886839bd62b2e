//! Status and metadata of a reply, out of its headers or trailers.

use http::HeaderMap;

use crate::failure::{Failure, Reach};
use micro_message::error::Error;
use micro_message::metadata::Metadata;
use micro_wire::grpc::{NOT_HANDLED, status};

/// The status in these fields; `None` when there is none.
pub(super) fn status(fields: &HeaderMap) -> Option<Result<(), Failure>> {
    Some(status::read(fields)?.map_err(|error| {
        let mut metadata = Metadata::new();
        collect(fields, &mut metadata);
        let mut failure = Failure::answered(error.with_metadata(metadata));
        if fields.contains_key(NOT_HANDLED) {
            failure.reach = Reach::Refused;
        }
        failure
    }))
}

/// The metadata in these fields, without what belongs to the protocol.
pub(super) fn collect(fields: &HeaderMap, metadata: &mut Metadata) {
    for (key, value) in fields {
        let key = key.as_str();
        let of_protocol = matches!(key, "content-type" | "date" | "content-length" | "trailer")
            || key == NOT_HANDLED.as_str();
        if of_protocol || key.starts_with("grpc-") {
            continue;
        }
        let added = match value.to_str() {
            Ok(text) => metadata.append(key.to_owned(), text),
            Err(error) => Err(Error::invalid_argument("not text").with_source(error)),
        };
        if let Err(error) = added {
            tracing::debug!(key, ?error, "left out metadata of a reply");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_handled_is_refused_and_not_metadata() {
        let mut fields = HeaderMap::new();
        for (key, value) in [
            ("grpc-status", "14"),
            ("micro-not-handled", "1"),
            ("a", "b"),
        ] {
            fields.insert(key, value.parse().unwrap());
        }
        let failure = status(&fields).unwrap().unwrap_err();
        assert_eq!(failure.reach, Reach::Refused);
        let metadata: Vec<_> = failure.error.metadata().iter().collect();
        assert_eq!(metadata, [("a", "b")]);
    }
}
