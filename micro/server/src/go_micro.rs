//! Events from Go Micro's HTTP broker, which posts them to `/` with the subscriber in the query.
//!
//! This module only finds the method that receives them. The app adds that method if it wants such
//! events.

use http::header::HeaderValue;
use http::{Method, Request};

use micro_core::handler::{Route, Router};
use micro_wire::percent::{Mode, decode};

/// The method that receives these events.
const RECEIVE: &str = "/micro.broker.v1.Broker/Receive";
/// The metadata key that holds the subscriber's id.
const SUBSCRIBER: &str = "micro-subscriber";

/// Returns the route of a request that carries such an event, after storing the subscriber in the
/// request's metadata.
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
