//! Runs the contract suites for both backends, opened by URL as in a program.

use micro::events::Events;
use micro::registry::Registry;
use micro_contract::registry::World;
use own_backend as _;

micro_contract::registry!(json_file, async || {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let url = format!("json://{}", dir.path().join("nodes.json").display());
    let open = || Registry::open(&url).expect("a registry");
    World::new(open(), open()).with_guard(dir)
});

micro_contract::events!(vecs, start_paused = true, async || {
    Events::open("vec://").expect("a log of events")
});
