//! `Changes` on top of the crate `notify`.

use std::path::Path;
use std::sync::Arc;

use crate::changes::Relevant;
use micro_message::error::{OrError, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Reports the changes of one directory until it is dropped.
pub(crate) struct Changes {
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Notifies `changed` of each change of the directory, or of an entry whose name is `relevant`.
    pub(crate) fn watch(dir: &Path, changed: Arc<Notify>, relevant: Relevant) -> Result<Self> {
        let report = move |event: notify::Result<notify::Event>| {
            // Reads of files are irrelevant. An error may hide a change, so it counts as one.
            let is_irrelevant = |event: notify::Event| {
                let mut names = event.paths.iter().filter_map(|path| path.file_name());
                event.kind.is_access()
                    || (!event.paths.is_empty() && !names.any(|name| relevant(name)))
            };
            if !event.is_ok_and(is_irrelevant) {
                changed.notify_one();
            }
        };
        let mut watcher =
            notify::recommended_watcher(report).or_internal("cannot watch directories")?;
        watcher
            .watch(dir, RecursiveMode::NonRecursive)
            .or_internal(format!("cannot watch `{}`", dir.display()))?;
        Ok(Self { _watcher: watcher })
    }

    /// Whether changes are no longer reported. The crate `notify` has no such state.
    pub(crate) fn is_broken(&self) -> bool {
        false
    }
}
