//! Events as Go Micro's HTTP broker posts them: to `/`, the subscriber in the query.
//!
//! Only finds the method that takes them; whether there is one is the app's affair.

use http::header::HeaderValue;
use http::{Method, Request};

use micro_core::handler::{Route, Router};
use micro_wire::percent::{Mode, decode};

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
    let value = HeaderValue::from_str(&decode(id, Mode::Form).ok()?).ok()?;
    let route = router.get(RECEIVE)?;
    request.headers_mut().insert(SUBSCRIBER, value);
    Some(route)
}
