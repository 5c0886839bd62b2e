//! A registry in a JSON file that all programs of a machine share.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind::NotFound};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use micro::registry::{Backend, Capabilities, Node, Watch};
use micro::{ErrorKind, OrError, Result};
use serde::{Deserialize, Serialize};

/// Interval at which a watch reads the file.
const INTERVAL: Duration = Duration::from_millis(50);

/// A registry in a file. A lock file serializes writers. Readers need no lock, because a new file
/// replaces the old one atomically.
#[derive(Clone)]
pub struct JsonFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    service: String,
    id: String,
    version: String,
    address: String,
    metadata: BTreeMap<String, String>,
    methods: Vec<String>,
    /// When the ttl ends.
    until: SystemTime,
}

impl JsonFile {
    /// Creates a registry in a file. The file is created by the first write.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads the nodes of one service, or of all services.
    async fn nodes(&self, service: Option<&str>) -> Result<Vec<Node>> {
        let (path, service) = (self.path.clone(), service.map(str::to_owned));
        let entries = blocking(move || read(&path)).await?;
        let asked = |entry: &Entry| service.as_ref().is_none_or(|name| *name == entry.service);
        Ok(entries
            .into_iter()
            .filter(asked)
            .map(Entry::into_node)
            .collect())
    }

    /// Replaces or removes the node with an id.
    async fn replace(&self, id: String, new: Option<Entry>) -> Result<()> {
        let path = self.path.clone();
        blocking(move || {
            // The lock is released when it is dropped or when the process ends.
            let lock = File::create(path.with_extension("lock"))?;
            lock.lock()?;
            let mut entries = read(&path)?;
            entries.retain(|entry| entry.id != id);
            entries.extend(new);
            let next = path.with_extension("next");
            fs::write(&next, serde_json::to_vec_pretty(&entries)?)?;
            fs::rename(&next, &path)
        })
        .await
    }
}

/// Reads the entries that have not expired.
fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let mut entries: Vec<Entry> = serde_json::from_slice(&text)?;
    entries.retain(|entry| entry.until > SystemTime::now());
    Ok(entries)
}

/// Runs file operations on a thread where they may block.
async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.or_internal("the file work did not end")?;
    done.or_error(ErrorKind::Unavailable, "the file cannot be used")
}

impl Entry {
    fn of(node: Node, ttl: Duration) -> Self {
        Self {
            service: node.service,
            id: node.id,
            version: node.version,
            address: node.address,
            metadata: node.metadata,
            methods: node.methods,
            until: SystemTime::now() + ttl,
        }
    }

    fn into_node(self) -> Node {
        let mut node = Node::new(self.service, self.id, self.address).with_version(self.version);
        (node.metadata, node.methods) = (self.metadata, self.methods);
        node
    }
}

impl Backend for JsonFile {
    fn scheme(&self) -> &'static str {
        "json"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        self.replace(node.id.clone(), Some(Entry::of(node, ttl)))
            .await
    }

    async fn deregister(&self, node: &Node) -> Result<()> {
        self.replace(node.id.clone(), None).await
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        self.nodes(Some(service)).await
    }

    async fn list(&self) -> Result<Vec<Node>> {
        self.nodes(None).await
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let (this, service) = (self.clone(), service.to_owned());
        let first = self.nodes(Some(&service)).await?;
        // The task ends with the watch. A list equal to the last one wakes no watch.
        Ok(Watch::spawn(|sender| async move {
            sender.send(first);
            loop {
                tokio::time::sleep(INTERVAL).await;
                // While the file cannot be read, the last list remains valid.
                if let Ok(nodes) = this.nodes(Some(&service)).await {
                    sender.send(nodes);
                }
            }
        }))
    }
}
