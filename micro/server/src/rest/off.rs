//! In the place of REST where the cargo feature `rest` is off: no request is for it, and methods
//! that have rules for plain HTTP are refused when the server starts.

use http::Request;

use crate::body::{HttpResponse, Incoming};
use crate::http::unknown;
use crate::rest::table::Table;
use crate::state::ConnectionState;
use micro_core::handler::{Route, Router};
use micro_message::error::Error;

pub(super) mod table {
    /// The paths of REST: none.
    #[derive(Debug)]
    pub(crate) struct Table;
}

/// What of the routes' rules for plain HTTP is wrong, each with its place: without the cargo
/// feature `rest`, every method that has some.
pub fn check_http(router: &Router) -> Vec<Error> {
    Table::new(router).1
}

impl Table {
    pub(crate) fn new(router: &Router) -> (Self, Vec<Error>) {
        let routes = router.routes();
        let lost = routes.iter().filter(|route| !route.http.is_empty());
        (Self, lost.map(|route| problem(route)).collect())
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

/// Answers a request that is for nothing else.
pub(super) async fn route(
    connection: &ConnectionState,
    _: &Table,
    request: Request<Incoming>,
) -> HttpResponse {
    unknown(&connection.server.router, request.uri().path(), &[])
}
