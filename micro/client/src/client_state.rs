//! State that all clones of a client share: services, methods, tasks and retry budget.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use http::uri::PathAndQuery;
use micro_wake::sync::RwLock;

use crate::config::Config;
use crate::nodes::ServiceNodes;
use crate::retry_budget::RetryBudget;
use crate::tasks::Tasks;
use micro_core::handler::{MethodInfo, Router};
use micro_core::wrap::{Chain, On, ScopedWrap};
use micro_message::error::{Error, Result};
use micro_registry::{Node, Registry};

/// Maximum number of cached methods. A full cache is cleared, so that callers with made-up names
/// cannot exhaust the memory.
const MAX_METHODS: usize = 4_096;
/// Maximum number of watched services. Calls to further services fail.
const MAX_SERVICES: usize = 4_096;

#[derive(Debug)]
pub(super) struct ClientState {
    pub(super) config: Arc<Config>,
    pub(super) budget: RetryBudget,
    pub(super) registry: Option<Registry>,
    pub(super) wraps: Vec<ScopedWrap>,
    pub(super) tasks: Arc<Tasks>,
    /// The services of this process. Set by `set_local`, cleared by `close`, read by calls.
    pub(super) local: RwLock<Option<Arc<Router>>>,
    /// Cached methods by path. Two services with the same path have two entries.
    methods: RwLock<HashMap<String, Vec<Arc<CachedMethod>>>>,
    /// Nodes by service name. A fixed address is stored as a service with one node, under
    /// `@address`.
    services: RwLock<HashMap<String, Arc<ServiceNodes>>>,
}

/// State that is cached for a method.
#[derive(Debug)]
pub(super) struct CachedMethod {
    service: String,
    pub(super) path: PathAndQuery,
    pub(super) chain: Chain,
    /// Set by the first call over the network.
    nodes: OnceLock<Arc<ServiceNodes>>,
}

impl ClientState {
    pub(super) fn new(config: Config, registry: Option<Registry>, wraps: Vec<ScopedWrap>) -> Self {
        Self {
            budget: RetryBudget::new(config.retry_percent, config.retry_reserve),
            config: Arc::new(config),
            registry,
            wraps,
            tasks: Arc::new(Tasks::new()),
            local: RwLock::default(),
            methods: RwLock::default(),
            services: RwLock::default(),
        }
    }

    /// Returns the cached state of a method, and creates it on the first call.
    pub(super) fn method(&self, info: &MethodInfo) -> Result<Arc<CachedMethod>> {
        let find = |methods: &HashMap<String, Vec<Arc<CachedMethod>>>| {
            let same = |method: &&Arc<CachedMethod>| method.service == info.service;
            let found = methods.get(&*info.path)?.iter().find(same)?;
            Some(Arc::clone(found))
        };
        let methods = self.methods.read();
        if let Some(method) = find(&methods) {
            return Ok(method);
        }
        drop(methods);
        let path = PathAndQuery::try_from(info.path.as_bytes());
        let path = path
            .ok()
            .filter(|path| path.query().is_none() && path.path().len() > 1);
        let method = Arc::new(CachedMethod {
            service: info.service.clone().into_owned(),
            path: path.ok_or_else(|| bad_path(&info.path))?,
            chain: ScopedWrap::chain(&self.wraps, On::Client, info),
            nodes: OnceLock::new(),
        });
        let mut methods = self.methods.write();
        if let Some(method) = find(&methods) {
            return Ok(method);
        }
        if methods.len() >= MAX_METHODS {
            methods.clear();
        }
        let entries = methods.entry(info.path.clone().into_owned()).or_default();
        entries.push(Arc::clone(&method));
        Ok(method)
    }

    /// Returns the nodes of a method's service. The first call starts to watch the service.
    pub(super) fn nodes_of(&self, method: &CachedMethod) -> Result<Arc<ServiceNodes>> {
        if let Some(nodes) = method.nodes.get().filter(|nodes| !nodes.is_forgotten()) {
            return Ok(Arc::clone(nodes));
        }
        let Some(registry) = &self.registry else {
            return Err(Error::failed_precondition(format!(
                "no address is known for `{}`: give the client a registry, or the call an address",
                method.service
            )));
        };
        let nodes = self.service(&method.service, |service| {
            self.tasks
                .spawn(Arc::clone(service).watch(registry.clone()));
        })?;
        // The cell keeps its first value, even once those nodes are forgotten. Calls then look the
        // service up in the map each time, which is rare.
        Ok(Arc::clone(method.nodes.get_or_init(|| Arc::clone(&nodes))))
            .map(|kept| if kept.is_forgotten() { nodes } else { kept })
    }

    /// Returns the single node at a fixed address.
    pub(super) fn node_at(&self, address: &str) -> Result<Arc<ServiceNodes>> {
        self.service(&format!("@{address}"), |service| {
            service.update(&[Node::new(&*service.name, address, address)]);
            self.tasks.spawn(Arc::clone(service).keep());
        })
    }

    fn service(
        &self,
        name: &str,
        start: impl FnOnce(&Arc<ServiceNodes>),
    ) -> Result<Arc<ServiceNodes>> {
        let services = self.services.read();
        if let Some(service) = services.get(name).filter(|service| !service.is_forgotten()) {
            return Ok(Arc::clone(service));
        }
        drop(services);
        let mut services = self.services.write();
        services.retain(|_, service| !service.is_forgotten());
        if let Some(service) = services.get(name) {
            return Ok(Arc::clone(service));
        }
        if services.len() >= MAX_SERVICES {
            return Err(Error::resource_exhausted(format!(
                "cannot watch `{name}`: {MAX_SERVICES} services are watched already"
            )));
        }
        let (config, tasks) = (Arc::clone(&self.config), Arc::clone(&self.tasks));
        let service = ServiceNodes::new(name, config, tasks);
        start(&service);
        services.insert(name.to_owned(), Arc::clone(&service));
        Ok(service)
    }

    /// Drops the local services, the nodes and the cached methods. Calls in progress may finish.
    pub(super) fn forget_all(&self) {
        let mut local = self.local.write();
        drop(local.take());
        drop(local);
        let mut services = self.services.write();
        for (_, service) in services.drain() {
            service.forget();
        }
        drop(services);
        let mut methods = self.methods.write();
        methods.clear();
    }
}

fn bad_path(path: &str) -> Error {
    Error::invalid_argument(format!(
        "`{}` is not the path of a method; write `/package.Service/Method`",
        path.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_connection::NodeConnection;
    use crate::selector::Member;

    impl ClientState {
        /// Number of calls in flight to all nodes.
        pub(crate) fn in_flight(&self) -> u32 {
            let services = self.services.read();
            let members = services
                .values()
                .flat_map(|service| service.table.members());
            members.map(|member| member.load().in_flight()).sum()
        }

        /// Number of calls that wait for a node of a service.
        pub(crate) fn waiting(&self, service: &str) -> usize {
            let services = self.services.read();
            services.get(service).map_or(0, |service| service.waiting())
        }

        /// Number of nodes of a service.
        pub(crate) fn nodes(&self, service: &str) -> usize {
            self.services.read()[service].table.len()
        }

        /// Returns a node of a service by its id.
        pub(crate) fn node_of(&self, service: &str, id: &str) -> Arc<Member<Arc<NodeConnection>>> {
            let members = self.services.read()[service].table.members();
            members
                .into_iter()
                .find(|member| member.node().id == id)
                .unwrap()
        }

        /// Number of watched services and retained addresses.
        pub(crate) fn watched(&self) -> usize {
            let services = self.services.read();
            services
                .values()
                .filter(|service| !service.is_forgotten())
                .count()
        }
    }

    #[test]
    fn made_up_methods_do_not_fill_the_memory() {
        let core = ClientState::new(Config::default(), None, Vec::new());
        for number in 0..MAX_METHODS + 10 {
            let info = MethodInfo::new("a", format!("/a.A/M{number}"));
            core.method(&info).unwrap();
        }
        assert!(core.methods.read().len() <= MAX_METHODS);
        for path in ["", "/", "a b", "/a?b", "/a\r\n", "*"] {
            assert!(core.method(&MethodInfo::new("a", path)).is_err(), "{path}");
        }
    }
}
