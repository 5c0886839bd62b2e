//! Assembly: creates instances, routes and chains of wraps from the builder. It detects every
//! mistake that the compiler cannot detect, and reports all of them together.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::app::builder::{Builder, Source};
#[cfg(feature = "server")]
use crate::app::health::HealthScopes;
use crate::app::stop::Stop;
#[cfg(feature = "broker")]
use crate::app::subscribers::{SubscriberBinder, of_service};
use crate::app::tasks::Tasks;
use crate::app::{App, Inner};
#[cfg(feature = "broker")]
use crate::broker::Broker;
#[cfg(feature = "client")]
use crate::client::Client;
use crate::codec::Types;
use crate::error::{Error, Result};
#[cfg(feature = "events")]
use crate::events::Events;
use crate::handler::{Instance, Location, MethodInfo, Resources, Route, Router, Served};
use crate::registry::Registry;
#[cfg(feature = "server")]
use crate::server;
use crate::settings::Settings;
use crate::settings::keys::nearest;
use crate::settings::options::Options;
use crate::settings::problems::Problems;
use crate::wrap::{On, ScopedWrap};
#[cfg(feature = "broker")]
use micro_broker::internal::BoundSubscriber;
use micro_core::internal::same_name;

impl Builder {
    /// Checks everything and assembles the app. Service instances are created, but the app does not
    /// listen yet.
    ///
    /// # Errors
    ///
    /// One error that lists every problem with its source location: invalid settings, services that
    /// cannot be created, duplicate paths, and filters that match nothing.
    pub async fn build(mut self) -> Result<App> {
        let mut problems = Problems::default();
        let settings = problems.take(std::mem::replace(&mut self.settings, Ok(Settings::new())));
        let settings = settings.unwrap_or_default();
        let options = Options::read(&settings, &mut problems);
        let resources = self.resources.clone();
        let wraps = self.bound_wraps(&resources);
        let registry = self.open_registry(&options, &mut problems)?;
        resources.insert::<Registry>(registry.clone())?;
        #[cfg(feature = "events")]
        let events = self.open_events(&options, &mut problems)?;
        #[cfg(feature = "events")]
        resources.insert::<Events>(events.clone())?;
        #[cfg(feature = "broker")]
        let broker = self.open_broker(&options, &mut problems)?;
        #[cfg(feature = "broker")]
        let broker = broker.with_access_log(options.access_log);
        #[cfg(feature = "broker")]
        resources.insert::<Broker>(broker.clone())?;
        #[cfg(feature = "client")]
        let client = Client::builder()
            .registry(registry.clone())
            .wraps(wraps.clone())
            .config(options.client.clone())
            .build();
        #[cfg(feature = "client")]
        resources.insert::<Client>(client.clone())?;
        resources.insert::<Stop>(self.stop.clone())?;
        resources.insert::<Tasks>(self.tasks.clone())?;
        #[cfg(feature = "server")]
        let health = Arc::new(HealthScopes::new(self.sources.iter().map(|source| {
            let served = source.served();
            let names = served.iter().map(|one| one.info().wire);
            (source.type_id(), names.collect())
        })));
        #[cfg(feature = "server")]
        resources.insert::<HealthScopes>(Arc::clone(&health))?;
        let services = self.make_services(&options, &mut problems).await;
        let router = Router::new().with_access_log(options.access_log);
        let router = route(router, (&services, &wraps), &resources, &mut problems);
        let routes = router.routes();
        let methods = routes.iter().map(|route| Arc::clone(&route.method));
        #[cfg(feature = "broker")]
        let listeners = self.listeners((&services, &wraps), &options, &mut problems);
        #[cfg(feature = "broker")]
        let methods = methods.chain(
            listeners
                .iter()
                .map(|listener| Arc::clone(&listener.method)),
        );
        let methods: Vec<Arc<MethodInfo>> = methods.collect();
        check_filters(&wraps, &methods, &mut problems);
        #[cfg(all(feature = "server", feature = "tower"))]
        let mounts = self.mounts(&router, &mut problems);
        #[cfg(all(feature = "client", feature = "server", feature = "tower"))]
        let mounts = mounts.with_extension(client.clone());
        #[cfg(feature = "server")]
        if options.server.reflection {
            for problem in server::check_reflection(&router) {
                problems.add(problem);
            }
        }
        problems.finish(&format!("`{}` cannot start", self.name))?;
        #[cfg(feature = "client")]
        client.set_local(router.clone());
        resources.freeze();
        Ok(App(Arc::new(Inner {
            name: self.name,
            version: self.version,
            options,
            registry,
            #[cfg(feature = "events")]
            events,
            #[cfg(feature = "broker")]
            broker,
            #[cfg(feature = "client")]
            client,
            resources,
            router,
            #[cfg(all(feature = "server", feature = "tower"))]
            mounts,
            wraps,
            hooks: self.hooks,
            #[cfg(feature = "broker")]
            listeners,
            works: self.works,
            stop: self.stop,
            tasks: self.tasks,
            #[cfg(feature = "server")]
            health,
            #[cfg(feature = "server")]
            listen: self.listen,
            #[cfg(feature = "server")]
            id: node_id(),
        })))
    }

    /// Returns the mounted services.
    #[cfg(all(feature = "server", feature = "tower"))]
    fn mounts(&mut self, router: &Router, problems: &mut Problems) -> server::Mounts {
        let mounts = std::mem::replace(&mut self.mounts, Ok(server::Mounts::new()));
        let mounts = problems.take(mounts).unwrap_or_default();
        problems.take(mounts.check(router));
        mounts
    }

    /// Returns the registry given to the builder, or opens the one from the settings. If that
    /// fails, it returns one in memory, so that the remaining checks still run and all problems are
    /// reported at once.
    fn open_registry(&mut self, options: &Options, problems: &mut Problems) -> Result<Registry> {
        let given = self.registry.take();
        match given.or_else(|| problems.take(options.open_registry(&self.registry_schemes))) {
            Some(registry) => Ok(options.with_heartbeats(registry)),
            None => Registry::open("memory://"),
        }
    }

    /// Opens the handle in the same way as [`open_registry`](Self::open_registry).
    #[cfg(feature = "events")]
    fn open_events(&mut self, options: &Options, problems: &mut Problems) -> Result<Events> {
        let given = self.events.take();
        match given.or_else(|| problems.take(options.open_events(self.name, &self.events_schemes)))
        {
            Some(events) => Ok(events),
            None => Events::open("memory://"),
        }
    }

    /// Opens the handle in the same way as [`open_registry`](Self::open_registry).
    #[cfg(feature = "broker")]
    fn open_broker(&mut self, options: &Options, problems: &mut Problems) -> Result<Broker> {
        let given = self.broker.take();
        match given
            .or_else(|| problems.take(options.open_broker(self.listen, &self.broker_schemes)))
        {
            Some(broker) => Ok(broker),
            None => Broker::open("memory://"),
        }
    }

    fn bound_wraps(&self, resources: &Resources) -> Vec<ScopedWrap> {
        let linked = self
            .linked_wraps
            .iter()
            .map(|record| record.bind(resources.clone()));
        self.wraps.iter().cloned().chain(linked).collect()
    }

    /// Returns the subscribers of the services, and those that are free functions.
    #[cfg(feature = "broker")]
    fn listeners(
        &self,
        (services, wraps): (&[ServiceInstance], &[ScopedWrap]),
        options: &Options,
        problems: &mut Problems,
    ) -> Vec<Arc<BoundSubscriber>> {
        let mut listeners = SubscriberBinder {
            wraps,
            resources: &self.resources,
            problems,
            access_log: options.access_log,
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

    /// Creates every selected service and adds it to the resources.
    async fn make_services(
        &self,
        options: &Options,
        problems: &mut Problems,
    ) -> Vec<ServiceInstance> {
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
            if let Some(problem) = source.unused_name(&served) {
                problems.add(problem);
            }
            match source.make(&self.resources).await {
                Ok(instance) => made.push(ServiceInstance {
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

/// Returns a random id that distinguishes this process's nodes from all others. A restarted process
/// is a new node.
#[cfg(feature = "server")]
fn node_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// A service with its instance.
struct ServiceInstance {
    served: Vec<Served>,
    type_id: TypeId,
    instance: Instance,
}

impl Source {
    fn served(&self) -> Vec<Served> {
        match self {
            Self::Given { served, .. } => served.clone(),
            Self::Linked(record) => match (record.served)() {
                // The service may have subscribers only.
                #[cfg(feature = "broker")]
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

    /// Returns an error if the type has a name of its own but serves only contracts, which register
    /// under the names of their traits. Their clients would not find it under the type's name.
    fn unused_name(&self, served: &[Served]) -> Option<Error> {
        let Self::Linked(record) = self else {
            return None;
        };
        let info = &record.info;
        let class = info.wire.rsplit('.').next().unwrap_or_default();
        let is_default = info.name.replace('-', "").eq_ignore_ascii_case(class);
        let mut infos = served.iter().map(Served::info);
        let is_used = infos.any(|one| one.wire == info.wire || one.name == info.name);
        if is_default || is_used {
            return None;
        }
        let names: BTreeSet<&str> = served.iter().map(|one| one.info().name).collect();
        let names = Vec::from_iter(names).join("`, `");
        Some(Error::failed_precondition(format!(
            "{}: `name = \"{}\"` on `{class}` has no effect: it only implements contracts, which \
             register as `{names}`; remove it, or put it on the trait",
            record.location, info.name
        )))
    }

    async fn make(&self, resources: &Resources) -> Result<Instance> {
        let (name, instance) = match self {
            Self::Given { instance, .. } => ("a given service", Arc::clone(instance)),
            Self::Linked(record) => {
                let made = (record.build)(&resources.for_service(self.type_id())).await;
                let place = record.location;
                let named = |error: Error| {
                    error.context(format!("{place}: cannot make `{}`", record.info.name))
                };
                (record.info.name, made.map_err(named)?)
            }
        };
        resources.insert_any(self.type_id(), name, Arc::clone(&instance))?;
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

/// Adds the routes of all services, with their wraps.
fn route(
    mut router: Router,
    (made, wraps): (&[ServiceInstance], &[ScopedWrap]),
    resources: &Resources,
    problems: &mut Problems,
) -> Router {
    let mut types = Types::default();
    for ServiceInstance {
        served,
        type_id,
        instance,
    } in made
    {
        let resources = resources.for_service(*type_id);
        for one in served {
            for method in one.iter() {
                let route =
                    Route::new(*one.info(), method, Arc::clone(instance), resources.clone());
                route.describe(&mut types);
                let chain = ScopedWrap::chain(wraps, On::Rpc, &route.method);
                problems.take(router.add(route.map_endpoint(|end| chain.into_endpoint(end))));
            }
        }
    }
    for conflict in types.conflicts() {
        problems.add(Error::already_exists(conflict.to_string()));
    }
    #[cfg(feature = "server")]
    for problem in server::check_http(&router) {
        problems.add(problem);
    }
    router
}

fn place_of(location: Option<Location>) -> String {
    location.map_or("the builder".to_owned(), |location| location.to_string())
}

/// Reports filters that match nothing. Otherwise such a wrap would silently never run.
fn check_filters(wraps: &[ScopedWrap], methods: &[Arc<MethodInfo>], problems: &mut Problems) {
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
            let fits = |method: &&Arc<MethodInfo>| wrap.service.is_none_or(|s| s == method.service);
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
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("known: `{}`", Vec::from_iter(known).join("`, `")),
    };
    Error::failed_precondition(format!(
        "{place}: wrap `{wrap}` is for {what} `{wanted}`, which is not served here; {hint}"
    ))
}
