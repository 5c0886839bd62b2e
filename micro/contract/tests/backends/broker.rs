//! Brokers: in memory, and three apps connected over HTTP.

use micro::broker::{Broker, Memory};
use micro::registry::{self, Registry};
use micro_contract::broker::World;

use crate::http;

micro_contract::broker!(memory, worker_threads = 2, async || Broker::new(
    Memory::new()
));

micro_contract::broker!(http_between_apps, worker_threads = 2, async || {
    let registry = Registry::new(registry::Memory::new());
    let (a, b) = (http::node(&registry).await, http::node(&registry).await);
    let nodes = [a.0.broker().clone(), b.0.broker().clone()];
    World::new(http::publisher(&registry).await, nodes).with_guard((a, b))
});
