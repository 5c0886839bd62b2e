//! `Changes` on top of inotify.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;

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
}

impl Changes {
    /// Notifies `changed` of each change of the directory or of an entry in it.
    pub(crate) fn watch(dir: &Path, changed: Arc<Notify>) -> Result<Self> {
        let inotify = Inotify::init().or_internal("cannot watch directories")?;
        // Reads of files are irrelevant, so open and access events are not requested.
        let kinds = WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MODIFY
            | WatchMask::MOVE
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let mut watches = inotify.watches();
        let watch = watches
            .add(dir, kinds)
            .or_internal(format!("cannot watch `{}`", dir.display()))?;
        Builder::new()
            .name("micro-host".to_owned())
            .spawn(move || tell(inotify, &changed))
            .or_internal("cannot start the thread that watches directories")?;
        Ok(Self { watches, watch })
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
fn tell(mut inotify: Inotify, changed: &Notify) {
    let mut buffer = [0; BUFFER];
    loop {
        let ended = match inotify.read_events_blocking(&mut buffer) {
            Ok(mut events) => {
                events.any(|event: inotify::Event<&OsStr>| event.mask.contains(EventMask::IGNORED))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(
                    %error,
                    "changes of the host registry are not reported, it is read every 5 seconds"
                );
                true
            }
        };
        changed.notify_one();
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
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
        let changes = Changes::watch(&dir, Arc::clone(&changed)).unwrap();
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
        std::fs::remove_file(&path).unwrap();
        timeout(LONG, changed.notified()).await.unwrap();
        drop(changes);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn thread_ends_when_the_watch_is_dropped_and_when_its_directory_is_deleted() {
        let (dropped, deleted) = (dir("dropped"), dir("deleted"));
        let changed = Arc::new(Notify::new());
        drop(Changes::watch(&dropped, Arc::clone(&changed)).unwrap());
        let changes = Changes::watch(&deleted, Arc::clone(&changed)).unwrap();
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
