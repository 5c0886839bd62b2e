//! What all clones of a client share: services, methods, tasks, budget.

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

/// Caches start over when they have this many entries: callers of made-up names must not fill
/// the memory.
const MAX_METHODS: usize = 4_096;
const MAX_SERVICES: usize = 4_096;

#[derive(Debug)]
pub(super) struct ClientState {
    pub(super) config: Arc<Config>,
    pub(super) budget: RetryBudget,
    pub(super) registry: Option<Registry>,
    pub(super) wraps: Vec<ScopedWrap>,
    pub(super) tasks: Arc<Tasks>,
    /// Written by `set_local` and `close`; read by calls once it is `Some`.
    pub(super) local: RwLock<Option<Arc<Router>>>,
    /// By path; one path of two services is two entries.
    methods: RwLock<HashMap<String, Vec<Arc<CachedMethod>>>>,
    /// By name; a fixed address is a service of one node under `@address`.
    services: RwLock<HashMap<String, Arc<ServiceNodes>>>,
}

/// What is kept for a method.
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

    /// What is kept for a method; made at its first call.
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

    /// The nodes of a method's service, watched from the first call on.
    pub(super) fn nodes_of(&self, method: &CachedMethod) -> Result<Arc<ServiceNodes>> {
        if let Some(nodes) = method.nodes.get().filter(|nodes| !nodes.is_forgotten()) {
            return Ok(Arc::clone(nodes));
        }
        let Some(registry) = &self.registry else {
            return Err(Error::failed_precondition(format!(
                "nobody knows where `{}` is: give the client a registry, or the call an address",
                method.service
            )));
        };
        let nodes = self.service(&method.service, |service| {
            self.tasks
                .spawn(Arc::clone(service).watch(registry.clone()));
        })?;
        // A forgotten one stays there: the services' map is asked again then, which is rare.
        Ok(Arc::clone(method.nodes.get_or_init(|| Arc::clone(&nodes))))
            .map(|kept| if kept.is_forgotten() { nodes } else { kept })
    }

    /// One fixed node.
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

    /// Lets go of everything: running calls may finish.
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
        "`{}` is no path of a method, write `/package.Service/Method`",
        path.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_connection::NodeConnection;
    use crate::selector::Member;

    impl ClientState {
        /// Calls in flight to all nodes.
        pub(crate) fn in_flight(&self) -> u32 {
            let services = self.services.read();
            let members = services
                .values()
                .flat_map(|service| service.table.members());
            members.map(|member| member.load().in_flight()).sum()
        }

        /// How many nodes a service has.
        pub(crate) fn nodes(&self, service: &str) -> usize {
            self.services.read()[service].table.len()
        }

        /// A node of a service.
        pub(crate) fn node_of(&self, service: &str, id: &str) -> Arc<Member<Arc<NodeConnection>>> {
            let members = self.services.read()[service].table.members();
            members
                .into_iter()
                .find(|member| member.node().id == id)
                .unwrap()
        }

        /// Services that are watched and addresses that are kept.
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
