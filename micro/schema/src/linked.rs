//! `Schema` of served methods: from routes, from linked services, from single services.
//!
//! This is the only module that converts handlers to descriptors. Reflection uses it, too.

use std::collections::BTreeMap;

use crate::http::HttpRule;
use crate::model::Http;
use crate::proto::valid::{Problem, problems};
use crate::{MethodDescriptor, Schema, ServiceDescriptor, Types};
use micro_core::handler::{
    Describe, Kind, LinkedService, Method, MethodOptions, Route, Router, Served, Service,
    ServiceInfo,
};
use micro_core::internal::is_built_in;
use micro_message::codec::Message;
use micro_message::error::{Error, Result};

impl Schema {
    /// The schema of all services that are linked into this program.
    ///
    /// Messages that no service uses, such as those of topics, are added with
    /// [`with`](Self::with).
    ///
    /// # Errors
    ///
    /// `FailedPrecondition` when no service is linked. `InvalidArgument` when two types have the
    /// same name, or packages use each other in a way that protobuf does not allow.
    pub fn linked() -> Result<Self> {
        let served = LinkedService::linked()
            .into_iter()
            .flat_map(|record| (record.served)());
        let served: Vec<Served> = served.collect();
        if served.is_empty() {
            return Err(Error::failed_precondition(
                "no service is linked; a crate is linked only if code refers to it, so refer to the \
                 crates of your services: `use my_services as _;`",
            ));
        }
        Self::of_served(&served)
    }

    /// The schema of one service, including its contracts.
    ///
    /// # Errors
    ///
    /// As [`Schema::linked`].
    pub fn of_service<S: Service>() -> Result<Self> {
        Self::of_served(&S::served())
    }

    /// The schema of the services of an app, from its router. It does not contain health,
    /// reflection and the services through which brokers receive events.
    ///
    /// # Errors
    ///
    /// As [`Schema::linked`].
    pub fn of(router: &Router) -> Result<Self> {
        let routes = router.routes().into_iter();
        let theirs = routes.filter(|route| !is_built_in(route.service.wire));
        finish(theirs.map(Described::from))
    }

    /// Adds a message that no service uses, such as the payload of an event, and the types that it
    /// contains.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when a different message has the same name.
    pub fn with<M: Message>(self) -> Result<Self> {
        let mut types = Types::default();
        M::describe(&mut types);
        refuse_conflicts(&types)?;
        self.merge(Self::from_types(&types)?)
    }

    fn of_served(served: &[Served]) -> Result<Self> {
        finish(served.iter().flat_map(|served| {
            let service = *served.info();
            served
                .iter()
                .map(move |method| Described::of(service, method))
        }))
    }
}

/// The properties of a method before its messages are described.
#[derive(Debug)]
pub struct Described<'a> {
    service: ServiceInfo,
    name: &'a str,
    doc: &'a str,
    deprecated: bool,
    kind: Kind,
    options: MethodOptions,
    http: &'static [HttpRule],
    messages: (Describe, Describe),
    error: Option<Describe>,
}

impl<'a> Described<'a> {
    fn of(service: ServiceInfo, method: &'a Method) -> Self {
        Self {
            service,
            name: method.name,
            doc: method.doc,
            deprecated: method.deprecated,
            kind: method.kind,
            options: method.options,
            http: method.http,
            messages: (method.input, method.output),
            error: method.error,
        }
    }

    fn descriptor(&self, types: &mut Types) -> MethodDescriptor {
        MethodDescriptor {
            name: self.name.to_owned(),
            input: (self.messages.0)(types),
            output: (self.messages.1)(types),
            client_streaming: self.kind.streams_requests(),
            server_streaming: self.kind.streams_responses(),
            doc: self.doc.to_owned(),
            deprecated: self.deprecated,
            idempotent: self.options.idempotent,
            safe: self.options.safe,
        }
    }
}

impl<'a> From<&'a Route> for Described<'a> {
    fn from(route: &'a Route) -> Self {
        let (messages, error) = route.messages();
        Self {
            service: route.service,
            name: route.method.name(),
            doc: route.doc,
            deprecated: route.deprecated,
            kind: route.method.kind,
            options: route.method.options,
            http: route.http,
            messages,
            error,
        }
    }
}

/// Collects all types of these methods, and their services.
pub fn collect_types<'a>(methods: impl IntoIterator<Item = Described<'a>>) -> Types {
    let mut types = Types::default();
    let mut services = BTreeMap::<&str, ServiceDescriptor>::new();
    for method in methods {
        let wire = method.service.wire;
        let (package, name) = wire.rsplit_once('.').unwrap_or(("", wire));
        let service = services.entry(wire).or_default();
        package.clone_into(&mut service.package);
        name.clone_into(&mut service.name);
        method.service.doc.clone_into(&mut service.doc);
        service.deprecated = method.service.deprecated;
        service.methods.push(method.descriptor(&mut types));
        if let Some(describe) = method.error {
            describe(&mut types);
        }
    }
    for service in services.into_values() {
        types.service(service);
    }
    types
}

/// Returns an error for every name of these routes that protobuf does not allow, with the places of
/// the methods that use it. Clients could not load the descriptors.
///
/// Types that claim the same name are not reported. [`Types::conflicts`] has them.
pub fn check_names(routes: &[&Route]) -> Vec<Error> {
    let types = collect_types(routes.iter().map(|route| Described::from(*route)));
    if !types.conflicts().is_empty() {
        return Vec::new();
    }
    let schema = match Schema::from_types(&types) {
        Ok(schema) => schema,
        Err(error) => return vec![error],
    };
    let problem = |problem: Problem| {
        let mut places = Vec::new();
        for name in &problem.definitions {
            let place = routes.iter().find(|route| uses(route, name));
            let place = place.map(|route| place_of(route));
            places.extend(place.filter(|place| !places.contains(place)));
        }
        let error = Error::invalid_argument(problem.text);
        if places.is_empty() {
            return error;
        }
        error.context(places.join(" and "))
    };
    problems(&schema).into_iter().map(problem).collect()
}

/// Whether a method belongs to the service, or uses the message or the enum, of a full name.
fn uses(route: &Route, name: &str) -> bool {
    let types = collect_types([Described::from(route)]);
    types.services().contains_key(name)
        || types.messages().contains_key(name)
        || types.enums().contains_key(name)
}

fn place_of(route: &Route) -> String {
    let path = &route.method.path;
    match route.location {
        Some(location) => format!("`{path}` ({location})"),
        None => format!("`{path}` (the builder)"),
    }
}

fn finish<'a>(methods: impl Iterator<Item = Described<'a>>) -> Result<Schema> {
    let methods: Vec<_> = methods.collect();
    let extras: Vec<_> = methods
        .iter()
        .map(|method| {
            let path = format!("/{}/{}", method.service.wire, method.name);
            let error = method.error.map(|describe| describe(&mut Types::default()));
            (path, method.http, error)
        })
        .collect();
    let types = collect_types(methods);
    refuse_conflicts(&types)?;
    let mut schema = Schema::from_types(&types)?;
    for (path, rules, error) in extras {
        // Micro's descriptors do not contain HTTP rules and error types.
        if let Some(method) = schema.method_mut(&path) {
            method.http = rules.iter().map(Into::into).collect();
            method.error = error;
        }
    }
    Ok(schema)
}

fn refuse_conflicts(types: &Types) -> Result<()> {
    match types.conflicts() {
        [] => Ok(()),
        conflicts => {
            let all: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
            Err(Error::invalid_argument(all.join("; ")))
        }
    }
}

impl From<&HttpRule> for Http {
    fn from(rule: &HttpRule) -> Self {
        Self {
            body: rule.body.to_owned(),
            response_body: rule.response_body.to_owned(),
            ..Self::new(rule.verb, rule.path)
        }
    }
}
