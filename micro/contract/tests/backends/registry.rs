//! Registries: in memory, on this host, on the local network, and a union of several.

use micro::registry::{Host, Mdns, Memory, Registry};
use micro_contract::registry::World;

/// Differs from 5353, so that the suite neither receives nor disturbs traffic of the local network.
const MDNS_PORT: u16 = 45_353;

micro_contract::registry!(memory, start_paused = true, async || Registry::new(
    Memory::new()
));

micro_contract::registry!(host, async || {
    let dir = scratch();
    let open = || Registry::new(Host::new(dir.path().join("registry")));
    World::new(open(), open()).with_guard(dir)
});

micro_contract::registry!(mdns, async || {
    let open = || Registry::new(Mdns::on_port(MDNS_PORT));
    World::new(open(), open())
});

micro_contract::registry!(union, async || {
    let (dir, memory) = (scratch(), Memory::new());
    let host = || Registry::new(Host::new(dir.path().join("registry")));
    let ours = Registry::union([Registry::new(memory.clone()), host()]);
    let theirs = Registry::union([host(), Registry::new(memory)]);
    World::new(ours, theirs).with_guard(dir)
});

micro_contract::registry!(fixed, async || {
    Registry::open("static://elsewhere=127.0.0.1:8080").expect("a static registry")
});

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}
