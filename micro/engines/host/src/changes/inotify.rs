//! `Changes` on top of inotify.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use crate::changes::Relevant;
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tokio::sync::Notify;

use micro_message::error::{OrError, Result};

/// Buffer size in bytes. It holds some hundred events; further events stay in the kernel until the
/// next read.
const BUFFER: usize = 4 << 10;

/// Reports the changes of one directory until it is dropped.
pub(crate) struct Changes {
    watches: Watches,
    watch: WatchDescriptor,
    /// Whether reading the events has failed. Set by the thread that reads them, read by the owner.
    broken: Arc<AtomicBool>,
}

impl Changes {
    /// Notifies `changed` of each change of the directory, or of an entry whose name is `relevant`.
    pub(crate) fn watch(dir: &Path, changed: Arc<Notify>, relevant: Relevant) -> Result<Self> {
        let inotify = Inotify::init().or_internal("cannot watch directories")?;
        // Records are written to temporary files and renamed. Only complete files are of interest,
        // so creations and single writes are not requested: they would wake the thread for
        // nothing. The same applies to reads.
        let kinds = WatchMask::CLOSE_WRITE
            | WatchMask::DELETE
            | WatchMask::MOVE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let mut watches = inotify.watches();
        let watch = watches
            .add(dir, kinds)
            .or_internal(format!("cannot watch `{}`", dir.display()))?;
        let broken = Arc::new(AtomicBool::new(false));
        Builder::new()
            .name("micro-host".to_owned())
            .spawn({
                let broken = Arc::clone(&broken);
                move || report(inotify, &changed, &relevant, &broken)
            })
            .or_internal("cannot start the thread that watches directories")?;
        Ok(Self {
            watches,
            watch,
            broken,
        })
    }

    /// Whether changes are no longer reported.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Pretends that reading the events has failed.
    #[cfg(test)]
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Ordering::Release);
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // The kernel confirms the end of the watch with an event, which ends the thread. Removal
        // fails if the watch already ended together with its directory.
        let _ = self.watches.remove(self.watch.clone());
    }
}

/// Waits for events on a separate thread until the watch ends.
fn report(mut inotify: Inotify, changed: &Notify, relevant: &Relevant, broken: &AtomicBool) {
    let mut buffer = [0; BUFFER];
    loop {
        let mut ended = false;
        let changes = match inotify.read_events_blocking(&mut buffer) {
            Ok(events) => {
                let mut any = false;
                for event in events {
                    ended |= event.mask.contains(EventMask::IGNORED);
                    any |= event.name.is_none_or(relevant);
                }
                any
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(%error, "changes of the host registry are not reported");
                broken.store(true, Ordering::Release);
                ended = true;
                true
            }
        };
        if changes {
            changed.notify_one();
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn dir(name: &str) -> std::path::PathBuf {
        let name = format!("micro-host-changes-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[tokio::test]
    async fn changes_of_entries_are_told_and_readers_are_not() {
        let dir = dir("entries");
        let changed = Arc::new(Notify::new());
        let relevant = |name: &OsStr| name != "b";
        let changes = Changes::watch(&dir, Arc::clone(&changed), Box::new(relevant)).unwrap();
        let path = dir.join("a");
        std::fs::write(&path, "a").unwrap();
        timeout(LONG, changed.notified()).await.unwrap();
        // A write causes several events. By the time of the next change, all of them have been
        // reported.
        while timeout(Duration::from_millis(200), changed.notified())
            .await
            .is_ok()
        {}
        std::fs::read(&path).unwrap();
        let read = timeout(Duration::from_millis(200), changed.notified()).await;
        assert!(read.is_err(), "reading a file counts as a change");
        std::fs::write(dir.join("b"), "b").unwrap();
        std::fs::remove_file(dir.join("b")).unwrap();
        let other = timeout(Duration::from_millis(200), changed.notified()).await;
        assert!(other.is_err(), "an irrelevant name counts");
        assert!(!changes.is_broken());
        std::fs::remove_file(&path).unwrap();
        timeout(LONG, changed.notified()).await.unwrap();
        drop(changes);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn thread_ends_when_the_watch_is_dropped_and_when_its_directory_is_deleted() {
        let (dropped, deleted) = (dir("dropped"), dir("deleted"));
        let changed = Arc::new(Notify::new());
        let watch = |dir: &Path| {
            let relevant = Box::new(|_: &OsStr| true);
            Changes::watch(dir, Arc::clone(&changed), relevant).unwrap()
        };
        drop(watch(&dropped));
        let changes = watch(&deleted);
        std::fs::remove_dir_all(&deleted).unwrap();
        let ended = async {
            while Arc::strong_count(&changed) > 1 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, ended).await.unwrap();
        drop(changes);
        std::fs::remove_dir_all(&dropped).unwrap();
    }
}
