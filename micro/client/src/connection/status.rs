//! Reads the status and metadata of a response from its headers or trailers.

use http::HeaderMap;

use crate::failure::{Failure, Progress};
use micro_message::error::Error;
use micro_message::metadata::Metadata;
use micro_wire::grpc::{NOT_HANDLED, status};
use micro_wire::headers;

/// Returns the status in these fields; `None` if there is none.
pub(super) fn status(fields: &HeaderMap) -> Option<Result<(), Failure>> {
    Some(status::read(fields)?.map_err(|error| {
        // No service returns such a code, so the error states where it comes from.
        if let Some(code) = status::strange_code(fields) {
            let text = format!(
                "the server sent `grpc-status: {code}`, which gRPC does not have: {}",
                error.message()
            );
            return Failure::new(Progress::Answered, Error::new(error.kind(), text));
        }
        let mut metadata = Metadata::new();
        headers::read(fields, &mut metadata);
        let mut failure = Failure::answered(error.with_metadata(metadata));
        if fields.contains_key(NOT_HANDLED) {
            failure.reach = Progress::Refused;
        }
        failure
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_handled_is_refused_and_protocol_s_fields_are_not_metadata() {
        let mut fields = HeaderMap::new();
        for (key, value) in [
            ("grpc-status", "14"),
            ("micro-not-handled", "1"),
            ("accept-encoding", "gzip"),
            ("a", "b"),
        ] {
            fields.insert(key, value.parse().unwrap());
        }
        let failure = status(&fields).unwrap().unwrap_err();
        assert_eq!(failure.reach, Progress::Refused);
        let metadata: Vec<_> = failure.error.metadata().iter().collect();
        assert_eq!(metadata, [("a", "b")]);
    }
}
