//! Replaces REST when the cargo feature `rest` is off. No request matches, and the server refuses
//! to start with methods that have HTTP rules.

use http::Request;

use crate::body::{HttpResponse, Incoming};
use crate::http::unknown;
use crate::rest::table::Table;
use crate::state::ConnectionState;
use micro_core::handler::{Route, Router};
use micro_message::error::Error;

pub(super) mod table {
    /// The empty table of REST paths.
    #[derive(Debug)]
    pub(crate) struct Table;
}

/// Returns an error for every invalid HTTP rule, with the place of its definition. Without the
/// cargo feature `rest`, every method with such rules is an error.
pub fn check_http(router: &Router) -> Vec<Error> {
    Table::new(router).1
}

impl Table {
    pub(crate) fn new(router: &Router) -> (Self, Vec<Error>) {
        let routes = router.routes();
        let lost = routes.iter().filter(|route| !route.http.is_empty());
        (Self, lost.map(|route| problem(route)).collect())
    }

    pub(crate) fn serves(&self, _: &str, _: &str) -> bool {
        false
    }
}

fn problem(route: &Route) -> Error {
    let path = &route.method.path;
    let place = route.location;
    let place = place.map_or("the builder".to_owned(), |place| place.to_string());
    Error::failed_precondition(format!(
        "`{path}` ({place}): its plain HTTP rules need micro's feature `rest`"
    ))
}

/// Responds that nothing is at the path of a request.
pub(super) async fn route(
    connection: &ConnectionState,
    _: &Table,
    request: Request<Incoming>,
) -> HttpResponse {
    unknown(&connection.server.router, request.uri().path(), &[])
}
