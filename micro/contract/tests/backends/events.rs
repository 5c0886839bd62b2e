//! Event logs: in memory and in files.

use micro::events::{Config, Events, File, Memory};

micro_contract::events!(memory, start_paused = true, async || Events::new(
    Memory::new()
));

micro_contract::events!(file, {
    let dir = scratch();
    async move || Events::new(File::new(Config::new(dir.path())))
});

// Most records start a new segment.
micro_contract::events!(file_in_small_segments, {
    let dir = scratch();
    async move || Events::new(File::new(Config::new(dir.path()).with_segment(300)))
});

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory for temporary files")
}
