//! Assembly: instances, routes and chains of wraps from what the builder was given; every
//! mistake that the compiler could not see is found here, and all are reported together.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::app::builder::{Builder, Source};
use crate::app::keys::nearest;
use crate::app::listeners::{Listeners, of_service};
use crate::app::options::Options;
use crate::app::problems::Problems;
use crate::app::settings::Settings;
use crate::app::stop::Stop;
use crate::app::{App, Inner};
use crate::broker::Broker;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::handler::{
    Instance, Listener, Location, MethodInfo, Resources, Route, Router, Served, ServiceInfo,
};
use crate::registry::Registry;
use crate::schema::Types;
use crate::server;
use crate::wrap::{Around, On, same_name};

impl Builder {
    /// Checks everything and assembles the app: instances are made, nothing listens yet.
    ///
    /// # Errors
    ///
    /// One error that lists every problem with its place: bad settings, services that cannot be
    /// made, paths served twice, filters that name nothing.
    pub async fn build(mut self) -> Result<App> {
        let mut problems = Problems::default();
        let settings = problems.take(std::mem::replace(&mut self.settings, Ok(Settings::new())));
        let settings = settings.unwrap_or_default();
        let options = Options::read(&settings, &mut problems);
        let registry = match self.registry.take() {
            Some(registry) => Some(registry),
            None => problems.take(options.open_registry()),
        };
        // Without a registry the rest is still checked, so that one run shows every problem.
        let registry = match registry {
            Some(registry) => registry,
            None => Registry::open("memory://")?,
        };
        let events = match self.events.take() {
            Some(events) => Some(events),
            None => problems.take(options.open_events(self.name)),
        };
        let events = match events {
            Some(events) => events,
            None => Events::open("memory://")?,
        };
        let resources = self.resources.clone();
        let wraps = self.bound_wraps(&resources);
        let client = Client::builder()
            .registry(registry.clone())
            .wraps(wraps.clone())
            .config(options.client.clone())
            .build();
        let stop = Stop::default();
        let broker = match self.broker.take() {
            Some(broker) => Some(broker),
            None => problems.take(options.open_broker(self.listen)),
        };
        let broker = match broker {
            Some(broker) => broker,
            None => Broker::open("memory://")?,
        };
        resources.insert::<Broker>(broker.clone());
        resources.insert::<Client>(client.clone());
        resources.insert::<Registry>(registry.clone());
        resources.insert::<Events>(events.clone());
        resources.insert::<Stop>(stop.clone());
        let services = self.make_services(&options, &mut problems).await;
        let router = route(&services, &wraps, &resources, &mut problems);
        let listeners = self.listeners(&services, &wraps, &mut problems);
        check_filters(&wraps, &methods(&router, &listeners), &mut problems);
        problems.finish(&format!("`{}` cannot start", self.name))?;
        client.set_local(router.clone());
        Ok(App(Arc::new(Inner {
            name: self.name,
            version: self.version,
            options,
            registry,
            events,
            broker,
            client,
            resources,
            router,
            wraps,
            hooks: self.hooks,
            listeners,
            works: self.works,
            stop,
            listen: self.listen,
            id: node_id(),
        })))
    }

    fn bound_wraps(&self, resources: &Resources) -> Vec<Around> {
        let linked = self
            .linked_wraps
            .iter()
            .map(|record| record.bind(resources.clone()));
        self.wraps.iter().cloned().chain(linked).collect()
    }

    /// The subscribers of what is served, and those that are free functions.
    fn listeners(
        &self,
        services: &[Made],
        wraps: &[Around],
        problems: &mut Problems,
    ) -> Vec<Arc<Listener>> {
        let mut listeners = Listeners {
            wraps,
            resources: &self.resources,
            problems,
            types: Types::default(),
            all: Vec::new(),
        };
        for made in services {
            let name = made.served.first().map_or("", |served| served.info().name);
            listeners.add_service(name, made.type_id, &made.instance);
        }
        listeners.add_free(&self.listening);
        listeners.all
    }

    /// Makes every selected service and puts it among the resources.
    async fn make_services(&self, options: &Options, problems: &mut Problems) -> Vec<Made> {
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|source| (source, source.served()))
            .collect();
        options.check_selection(sources.iter().flat_map(|(_, served)| served), problems);
        let mut made = Vec::new();
        for (source, served) in sources {
            if !options.selects(&served) {
                continue;
            }
            if served.is_empty() {
                problems.take(Err::<(), _>(serves_nothing(source)));
                continue;
            }
            match source.make(&self.resources).await {
                Ok(instance) => made.push(Made {
                    served,
                    type_id: source.type_id(),
                    instance,
                }),
                Err(error) => problems.add(error),
            }
        }
        made
    }
}

/// What tells this process's nodes from all others': random, so that a process started again is
/// another node.
fn node_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// A service whose instance exists.
struct Made {
    served: Vec<Served>,
    type_id: TypeId,
    instance: Instance,
}

impl Source {
    fn served(&self) -> Vec<Served> {
        match self {
            Self::Given { served, .. } => served.clone(),
            Self::Linked(record) => match (record.served)() {
                // It may be there for its subscribers alone.
                served if served.is_empty() && !of_service(self.type_id()).is_empty() => {
                    vec![Served::new(record.info)]
                }
                served => served,
            },
        }
    }

    fn type_id(&self) -> TypeId {
        match self {
            Self::Given { type_id, .. } => *type_id,
            Self::Linked(record) => (record.type_id)(),
        }
    }

    async fn make(&self, resources: &Resources) -> Result<Instance> {
        let (type_id, name, instance) = match self {
            Self::Given {
                type_id, instance, ..
            } => (*type_id, "a given service", Arc::clone(instance)),
            Self::Linked(record) => {
                let made = (record.build)(resources).await;
                let place = record.location;
                let named = |error: Error| {
                    error.context(format!("{place}: cannot make `{}`", record.info.name))
                };
                ((record.type_id)(), record.info.name, made.map_err(named)?)
            }
        };
        resources.insert_any(type_id, name, Arc::clone(&instance));
        Ok(instance)
    }
}

fn serves_nothing(source: &Source) -> Error {
    let (name, place) = match source {
        Source::Given { .. } => ("a service given to the builder", None),
        Source::Linked(record) => (record.info.name, Some(record.location)),
    };
    let place = place.map_or(String::new(), |place| format!("{place}: "));
    Error::failed_precondition(format!(
        "{place}`{name}` has no methods; put `#[micro::service]` on an `impl` of it and \
         `#[micro::rpc]` on a method"
    ))
}

/// The routes of all services, each inside its wraps.
fn route(
    made: &[Made],
    wraps: &[Around],
    resources: &Resources,
    problems: &mut Problems,
) -> Router {
    let mut router = Router::new();
    let mut types = Types::default();
    for Made {
        served, instance, ..
    } in made
    {
        for Served { info, methods } in served {
            for method in methods {
                let route = Route::new(*info, method, Arc::clone(instance), resources.clone());
                route.describe(&mut types);
                let chain = Around::chain(wraps, On::Rpc, &route.method);
                problems.take(router.add(route.around(|end| chain.around(end))));
            }
        }
    }
    for conflict in types.conflicts() {
        problems.add(Error::already_exists(conflict.to_string()));
    }
    check_names(&router.services(), problems);
    for problem in server::check_http(&router) {
        problems.add(problem);
    }
    router
}

/// Two services may not register under one name: their callers would be mixed up.
fn check_names(services: &[ServiceInfo], problems: &mut Problems) {
    let mut sorted: Vec<_> = services.iter().collect();
    sorted.sort_by_key(|service| service.name);
    for pair in sorted.windows(2) {
        if pair[0].name == pair[1].name {
            let place = |info: &ServiceInfo| place_of(info.location);
            problems.add(Error::already_exists(format!(
                "`{}` ({}) and `{}` ({}) both register as `{}`; give one `name = \"…\"`",
                pair[0].wire,
                place(pair[0]),
                pair[1].wire,
                place(pair[1]),
                pair[0].name
            )));
        }
    }
}

fn place_of(location: Option<Location>) -> String {
    location.map_or("the builder".to_owned(), |location| location.to_string())
}

/// What wraps may be around.
fn methods<'a>(router: &'a Router, listeners: &'a [Arc<Listener>]) -> Vec<&'a MethodInfo> {
    let called = router.routes().into_iter().map(|route| &*route.method);
    let heard = listeners.iter().map(|listener| &*listener.method);
    called.chain(heard).collect()
}

/// A filter that names nothing would be a wrap that silently never runs.
fn check_filters(wraps: &[Around], methods: &[&MethodInfo], problems: &mut Problems) {
    for wrap in wraps.iter().filter(|wrap| !wrap.on.covers(On::Client)) {
        let place = place_of(wrap.location);
        if let Some(wanted) = wrap.service {
            let names = || methods.iter().map(|method| &*method.service);
            if !names().any(|name| name == wanted) {
                problems.add(unknown_filter(
                    &place,
                    wrap.name,
                    "service",
                    wanted,
                    names(),
                ));
                continue;
            }
        }
        if let Some(wanted) = wrap.method {
            let fits = |method: &&&MethodInfo| wrap.service.is_none_or(|s| s == method.service);
            let names = || methods.iter().filter(fits).map(|method| method.name());
            if !names().any(|name| same_name(wanted, name)) {
                problems.add(unknown_filter(&place, wrap.name, "method", wanted, names()));
            }
        }
    }
}

fn unknown_filter<'a>(
    place: &str,
    wrap: &str,
    what: &str,
    wanted: &str,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    let known: BTreeSet<&str> = known.filter(|name| !name.is_empty()).collect();
    let hint = match nearest(wanted, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: `{}`", Vec::from_iter(known).join("`, `")),
    };
    Error::failed_precondition(format!(
        "{place}: wrap `{wrap}` is for {what} `{wanted}`, which is not served here; {hint}"
    ))
}
