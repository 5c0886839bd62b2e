//! The REST paths of a server, checked when it starts.

use std::collections::BTreeMap;

use crate::pages::Page;
use micro_core::handler::{Route, Router};
use micro_message::error::Error;
use micro_schema::Types;
use micro_schema::http::{Binding, Found, HttpRule, Segment, Template, Tree};

/// The REST paths of a server.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tree: Tree<Rule>,
    pub(super) types: Types,
}

/// A path and its method.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(super) route: Route,
    pub(super) binding: Binding,
}

/// Returns an error for every invalid HTTP rule, with the place of its definition: invalid
/// templates, unknown fields, streaming requests, and paths that match more than one method.
pub fn check_http(router: &Router) -> Vec<Error> {
    Table::new(router).1
}

impl Table {
    /// Creates the table of a router's rules. Invalid rules are left out and returned as errors.
    pub(crate) fn new(router: &Router) -> (Self, Vec<Error>) {
        let (mut table, mut problems) = (Self::default(), Vec::new());
        for route in router.routes() {
            let names = route.describe(&mut table.types);
            for rule in route.http {
                let added = table.add(router, route, rule, (&names.0, &names.1));
                let place = place(route, rule);
                let named = |problem: Error| problem.context(&place);
                problems.extend(added.err().into_iter().flatten().map(named));
            }
        }
        (table, problems)
    }

    /// Adds a rule of a route. `names` are the full names of the request and the response.
    fn add(
        &mut self,
        router: &Router,
        route: &Route,
        rule: &HttpRule,
        names: (&str, &str),
    ) -> Result<(), Vec<Error>> {
        let one = |problem: String| vec![Error::failed_precondition(problem)];
        let kind = route.method.kind;
        if kind.streams_requests() {
            let problem =
                "the method takes a stream, which plain HTTP cannot carry; leave `http` out";
            return Err(one(problem.to_owned()));
        }
        if kind.streams_responses() && !rule.response_body.is_empty() {
            let problem = "`response_body` is for one reply, and this method answers with a stream";
            return Err(one(problem.to_owned()));
        }
        let binding = Binding::new(rule, &self.types, names)?;
        let template = binding.template().clone();
        if let Some(path) = plain(&template)
            && (Page::at(&path).is_some() || router.get(&path).is_some())
        {
            let problem = "this server answers there already; take another path";
            return Err(one(problem.to_owned()));
        }
        let new = Rule {
            route: route.clone(),
            binding,
        };
        self.tree.add(rule.verb, template, new).map_err(|taken| {
            let other = taken.value;
            one(format!(
                "{} matches the same paths; give one of them another",
                place(&other.route, other.binding.rule())
            ))
        })
    }

    /// Returns the rule for an HTTP method and a path.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found<'_, Rule> {
        self.tree.find(method, path)
    }

    /// Whether any rule is for the path of a request.
    pub(crate) fn serves(&self, method: &str, path: &str) -> bool {
        !matches!(self.find(method, path), Found::Nothing)
    }

    /// Returns the known paths that are most similar to an unknown one.
    pub(crate) fn near(&self, path: &str) -> Vec<String> {
        if let Some(shorter) = path.strip_suffix('/')
            && let Found::Methods(methods) = self.find("OPTIONS", shorter)
        {
            return vec![format!("{} {shorter}", methods.join("|"))];
        }
        let mut ranked = BTreeMap::new();
        for (verb, template, _) in self.tree.iter() {
            let (alike, off) = likeness(template, path);
            if alike > 0 {
                let rank = (std::cmp::Reverse(alike), off, template.as_str(), verb);
                ranked.insert(rank, format!("{verb} {template}"));
            }
        }
        ranked.into_values().take(5).collect()
    }
}

/// Returns the number of segments that match before the first that does not, and the difference
/// between the numbers of segments.
fn likeness(template: &Template, path: &str) -> (usize, usize) {
    let given: Vec<&str> = path
        .strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .take(64)
        .collect();
    let segments = template.segments();
    let mut literals = 0;
    let pairs = segments.iter().zip(&given);
    let alike = pairs.take_while(|(segment, given)| match segment {
        Segment::Literal(text) => {
            let same = text.eq_ignore_ascii_case(given);
            literals += usize::from(same);
            same
        }
        Segment::One | Segment::Rest => true,
    });
    let alike = alike.count();
    // A template that matches only by variables would be similar to every path.
    (
        if literals > 0 { alike } else { 0 },
        segments.len().abs_diff(given.len()),
    )
}

/// Returns the path of a template without variables.
fn plain(template: &Template) -> Option<String> {
    let text = |segment: &Segment| match segment {
        Segment::Literal(text) => Some(format!("/{text}")),
        Segment::One | Segment::Rest => None,
    };
    let path: Option<String> = template.segments().iter().map(text).collect();
    path.filter(|_| template.verb().is_none())
}

/// Returns a rule and the place where its method is defined.
fn place(route: &Route, rule: &dyn std::fmt::Display) -> String {
    let place = route
        .location
        .map_or("the builder".to_owned(), |place| place.to_string());
    format!("`{rule}` of `{}` ({place})", route.method.path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use micro_core::context::Context;
    use micro_core::handler::{Kind, Location, Method, Resources, ServiceInfo};

    #[micro::message]
    struct Request {
        id: u64,
        name: String,
    }

    const INFO: ServiceInfo = ServiceInfo::new("shop", "shop.Shop");

    fn method(name: &'static str, line: u32, http: &'static [HttpRule]) -> Method {
        let serve = |_: Arc<()>, _: Context, request: Request| async { Ok(request) };
        let method = Method::unary(name, serve).http(http);
        method.location(Location::new("shop.rs", line))
    }

    fn table(methods: &[Method]) -> (Table, Vec<String>) {
        let mut router = Router::new();
        for method in methods {
            let route = Route::new(INFO, method, Arc::new(()), Resources::new());
            router.add(route).unwrap();
        }
        let (table, problems) = Table::new(&router);
        (table, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn paths_that_two_methods_want_are_reported_with_both_places() {
        const A: &[HttpRule] = &[HttpRule::new("GET", "/v1/{name=items/*}")];
        const B: &[HttpRule] = &[HttpRule::new("GET", "/v1/items/{id}")];
        const C: &[HttpRule] = &[HttpRule::new("POST", "/v1/items/{id}").body("*")];
        let (table, problems) = table(&[method("A", 3, A), method("B", 5, B), method("C", 7, C)]);
        assert_eq!(
            problems,
            [
                "`GET /v1/items/{id}` of `/shop.Shop/B` (shop.rs:5): `GET /v1/{name=items/*}` of \
              `/shop.Shop/A` (shop.rs:3) matches the same paths; give one of them another"
            ]
        );
        assert!(matches!(
            table.find("POST", "/v1/items/7"),
            Found::Entry(..)
        ));
    }

    #[test]
    fn every_rule_that_cannot_be_is_reported() {
        const BAD: &[HttpRule] = &[
            HttpRule::new("GET", "/v1/{nope}"),
            HttpRule::new("GET", "/v1/{id").body("*"),
            HttpRule::new("POST", "/healthz").body("*"),
            HttpRule::new("POST", "/shop.Shop/Good").body("*"),
        ];
        const STREAM: &[HttpRule] = &[HttpRule::new("POST", "/v1/all").body("*")];
        const PART: &[HttpRule] = &[HttpRule::new("GET", "/v1/part").response_body("id")];
        let serve = |_, _| -> micro_core::handler::BoxFuture<'static, _> {
            Box::pin(async { Err(Error::unimplemented("nothing")) })
        };
        let types: (fn(&mut Types) -> String, _) = {
            use micro_message::codec::Message;
            (
                Request::describe,
                Request::describe as fn(&mut Types) -> String,
            )
        };
        let all = Method::raw("All", Kind::ClientStream, types, serve).http(STREAM);
        let part = Method::raw("Part", Kind::ServerStream, types, serve).http(PART);
        let (_, problems) = table(&[method("Good", 1, &[]), method("Bad", 2, BAD), all, part]);
        let expected = [
            "`POST /v1/all` of `/shop.Shop/All` (the builder): the method takes a stream",
            "`GET /v1/{nope}` of `/shop.Shop/Bad` (shop.rs:2): the variable `{nope}`",
            "`GET /v1/{id` of `/shop.Shop/Bad` (shop.rs:2): `/v1/{id` is not a path template",
            "`GET /v1/{id` of `/shop.Shop/Bad` (shop.rs:2): `GET` has no body",
            "`POST /healthz` of `/shop.Shop/Bad` (shop.rs:2): this server answers there already",
            "`POST /shop.Shop/Good` of `/shop.Shop/Bad` (shop.rs:2): this server answers there",
            "`GET /v1/part` of `/shop.Shop/Part` (the builder): `response_body` is for one reply",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn near_paths_are_named() {
        const LIST: &[HttpRule] = &[HttpRule::new("GET", "/v1/items")];
        const GET: &[HttpRule] = &[
            HttpRule::new("GET", "/v1/items/{id}"),
            HttpRule::new("DELETE", "/v1/items/{id}"),
            HttpRule::new("GET", "/{id}/{name}"),
        ];
        let (table, problems) = table(&[method("List", 1, LIST), method("Get", 2, GET)]);
        assert_eq!(problems, [""; 0]);
        let near = |path: &str| table.near(path);
        assert_eq!(near("/v1/items/"), ["GET /v1/items"]);
        let all = [
            "GET /v1/items/{id}",
            "DELETE /v1/items/{id}",
            "GET /v1/items",
        ];
        let mut sorted = near("/V1/Items/7/parts");
        sorted.sort();
        let mut expected = all.to_vec();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(near("/v2/a/b"), [""; 0]);
    }
}
