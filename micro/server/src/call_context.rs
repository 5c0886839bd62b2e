//! The context of a call that is an HTTP request: metadata, caller, and the headers that handlers
//! can read.

use std::sync::Arc;

use http::HeaderValue;
use http::request::Parts;
use micro_wake::sync::Mutex;

use crate::state::ConnectionState;
use micro_core::context::{Caller, Context};
use micro_message::error::Result;
use micro_message::metadata::Metadata;
use micro_wire::headers;

/// The headers of [`Context::header`].
const READABLE: [&str; 4] = ["host", "user-agent", "accept", "accept-language"];

/// Creates the context of a call, without a deadline.
///
/// # Errors
///
/// `ResourceExhausted` when the metadata is larger than the server's limit.
pub(super) fn of_request(
    connection: &ConnectionState,
    head: &Parts,
    protocol: &'static str,
) -> Result<Context> {
    let limit = connection.server.limits.max_metadata_size;
    let mut readable = [None; READABLE.len()];
    let metadata = headers::metadata_and(&head.headers, limit, |name, value| {
        if let Some(at) = READABLE.iter().position(|readable| *readable == name) {
            readable[at] = readable[at].or_else(|| text(value));
        }
    })?;
    let authority = || head.uri.authority().map(http::uri::Authority::as_str);
    readable[0] = readable[0].or_else(authority);
    let context = Context::new()
        .with_caller(Caller::new(Some(connection.address), protocol))
        .with_metadata(metadata)
        .with_response_metadata_limit(limit);
    Ok(match connection.headers.get(readable) {
        Some(headers) => context.with_headers(headers),
        None => context,
    })
}

/// Returns a value that can be metadata.
fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| !text.contains('\t'))
}

/// The readable headers of a connection's latest request. Nearly all requests of a connection have
/// the same ones, so that most calls share them and do not copy them.
#[derive(Debug, Default)]
pub(super) struct HeaderCache(Mutex<Option<Arc<Metadata>>>);

impl HeaderCache {
    /// Returns the headers with these values, or `None` if there are none.
    fn get(&self, values: [Option<&str>; READABLE.len()]) -> Option<Arc<Metadata>> {
        let mut latest = self.0.lock();
        if let Some(latest) = &*latest
            && is_equal(latest, values)
        {
            return Some(Arc::clone(latest));
        }
        let mut headers = Metadata::new();
        for (name, value) in READABLE.into_iter().zip(values) {
            let Some(value) = value else { continue };
            if let Err(error) = headers.append(name, value) {
                tracing::debug!(name, %error, "header left out of the context");
            }
        }
        *latest = Some(Arc::new(headers)).filter(|headers| !headers.is_empty());
        latest.clone()
    }
}

fn is_equal(headers: &Metadata, values: [Option<&str>; READABLE.len()]) -> bool {
    let pairs = READABLE.iter().zip(values);
    let mut given = pairs.filter_map(|(name, value)| Some((*name, value?)));
    headers.iter().all(|pair| given.next() == Some(pair)) && given.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_with_the_same_headers_share_them() {
        let cache = HeaderCache::default();
        assert!(cache.get([None; 4]).is_none());
        let first = cache.get([Some("a:1"), Some("curl"), None, None]).unwrap();
        let second = cache.get([Some("a:1"), Some("curl"), None, None]).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let other = cache
            .get([Some("a:1"), Some("curl"), Some("*/*"), None])
            .unwrap();
        assert_eq!(other.get("accept"), Some("*/*"));
        assert_eq!(second.get("accept"), None);
        let fewer = cache.get([Some("a:1"), None, None, None]).unwrap();
        assert_eq!(fewer.iter().collect::<Vec<_>>(), [("host", "a:1")]);
    }
}
