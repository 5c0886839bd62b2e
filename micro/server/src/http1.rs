//! Requirements of RFC 9112 on HTTP/1 requests that hyper's parser does not check.

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{StatusCode, Version};

use micro_message::error::Error;

/// Returns the status and error of a request that must be refused.
pub(super) fn refusal(head: &Parts) -> Option<(StatusCode, Error)> {
    if let Err(problem) = host(head) {
        let error = Error::invalid_argument(format!("{problem} of HTTP/1.1"));
        return Some((StatusCode::BAD_REQUEST, error));
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    codings.any(|coding| !chunked(coding.as_bytes())).then(|| {
        let error = Error::unimplemented("the only `transfer-encoding` here is `chunked`");
        (StatusCode::NOT_IMPLEMENTED, error)
    })
}

/// Checks that the request has exactly one valid host. CORS relies on it as well.
fn host(head: &Parts) -> Result<(), &'static str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version < Version::HTTP_11 => Ok(()),
        (None, _) => Err("there is no `host`, which is in every request"),
        (Some(_), Some(_)) => Err("there are two of `host`, and one in every request"),
        (Some(host), None) => {
            let valid = host.is_empty() || Authority::try_from(host.as_bytes()).is_ok();
            valid
                .then_some(())
                .ok_or("`host` is none, which is in every request")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut request = http::Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        refusal(&head).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn one_host_and_no_coding_but_chunks() {
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        let (host, coding) = ("host", "transfer-encoding");
        for (version, headers, expected) in [
            (new, &[(host, "a:1")][..], None),
            (new, &[(host, "")], None),
            (new, &[(host, "[::1]:80")], None),
            (new, &[(host, "a_b.c")], None),
            (new, &[], Some(400)),
            (new, &[(host, "a"), (host, "a")], Some(400)),
            (new, &[(host, "a b")], Some(400)),
            (old, &[], None),
            (old, &[(host, "a"), (host, "b")], Some(400)),
            (new, &[(host, "a"), (coding, "Chunked")], None),
            (new, &[(host, "a"), (coding, "gzip, chunked")], Some(501)),
            (
                new,
                &[(host, "a"), (coding, "gzip"), (coding, "chunked")],
                Some(501),
            ),
        ] {
            assert_eq!(
                status(version, headers),
                expected,
                "{version:?} {headers:?}"
            );
        }
    }
}
