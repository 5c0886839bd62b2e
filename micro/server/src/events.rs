//! Events as Go Micro's HTTP broker posts them: to `/`, the subscriber in the query.
//!
//! Only finds the method that takes them; whether there is one is the app's affair.

use http::header::HeaderValue;
use http::{Method, Request};

use micro_core::handler::{Route, Router};

/// The method that takes such events.
const RECEIVE: &str = "/micro.broker.v1.Broker/Receive";
/// The metadata that names the subscriber to it.
const SUBSCRIBER: &str = "micro-subscriber";

/// The route of a request that is such an event; its subscriber is then in the metadata.
pub(super) fn route<'a, B>(router: &'a Router, request: &mut Request<B>) -> Option<&'a Route> {
    if *request.method() != Method::POST || request.uri().path() != "/" {
        return None;
    }
    let query = request.uri().query()?;
    let id = query.split('&').find_map(|pair| pair.strip_prefix("id="))?;
    let value = HeaderValue::from_str(&decoded(id)?).ok()?;
    let route = router.get(RECEIVE)?;
    request.headers_mut().insert(SUBSCRIBER, value);
    Some(route)
}

/// Text of a query.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_or_refused() {
        assert_eq!(decoded("a%20b+c").as_deref(), Some("a b c"));
        for text in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
