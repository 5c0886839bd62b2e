//! Stores one JSON file per node, replaced atomically, and reads all of them.
//!
//! A file that is torn, hostile or too large is skipped and logged. Whether a record is live is
//! decided only from its contents.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::{self, Now, Uptime};
use crate::dir::is_ours;
use crate::process::Process;
use micro_message::error::{Error, ErrorKind, OrError, Result};
use micro_registry::Node;
use micro_registry::internal::check_lookup_name;

/// Format of written files. Format 1 had no format number and only a wall clock expiry. It can
/// still be read.
const FORMAT: u64 = 2;
/// Maximum size of a file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// Maximum number of records kept from one scan. Up to `MAX_READ` files are read, which is more, so
/// that files without a valid record do not hide those with one.
const MAX_RECORDS: usize = 4096;
const MAX_READ: usize = 65_536;
/// Maximum number of directory entries examined per scan. An entry costs a microsecond, even with a
/// million of them.
const MAX_NAMES: usize = 1_000_000;
/// Maximum length of a file name on all common file systems, in bytes.
const MAX_NAME: usize = 255;
/// How long an expired record stays on disk, because its process may only be suspended.
const EXPIRED_RETENTION: Duration = Duration::from_secs(600);

/// The contents of one file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) node: Node,
    pub(super) owner: Process,
    /// When the record expires.
    pub(super) expires: Now,
}

impl Record {
    pub(super) fn new(node: Node, ttl: Duration, owner: Process, now: &Now) -> Self {
        Self {
            node,
            owner,
            expires: now.later(ttl),
        }
    }

    pub(super) fn is_live(&self, me: &Process, now: &Now) -> bool {
        !self.expires.is_over(now) && self.owner.shares_network(me) && !self.owner.is_gone(me)
    }

    /// Whether the file can be deleted.
    fn is_litter(&self, me: &Process, now: &Now) -> bool {
        self.owner.is_gone(me) || self.expires.is_over_since(EXPIRED_RETENTION, now)
    }

    fn to_json(&self) -> Value {
        let Self {
            node,
            owner,
            expires,
        } = self;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        json!({
            "format": FORMAT,
            "service": node.service,
            "id": node.id,
            "version": node.version,
            "address": node.address,
            "other_addresses": node.other_addresses,
            "metadata": node.metadata,
            "methods": node.methods,
            // For human readers, programs of format 1, and systems where `uptime` is unknown.
            "expires": millis(expires.wall),
            "uptime": expires.uptime.as_ref().map(|uptime| json!({
                "boot": uptime.boot,
                "expires": millis(uptime.at),
            })),
            "process": {
                "id": owner.id,
                "started": owner.started,
                "pids": owner.pids,
                "network": owner.network,
            },
        })
    }

    fn from_json(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        if value["format"].as_u64().unwrap_or(1) > FORMAT {
            return None;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut node = Node::new(
            text(&value["service"])?,
            text(&value["id"])?,
            text(&value["address"])?,
        );
        node.version = text(&value["version"]).unwrap_or_default();
        for (key, value) in value["metadata"].as_object().unwrap_or(&Map::new()) {
            node.metadata.insert(key.clone(), text(value)?);
        }
        let methods = value["methods"].as_array().map_or(&[][..], Vec::as_slice);
        node.methods = methods.iter().map(text).collect::<Option<_>>()?;
        let others = value["other_addresses"].as_array();
        let others = others.map_or(&[][..], Vec::as_slice);
        node.other_addresses = others.iter().map(text).collect::<Option<_>>()?;
        node.check().ok()?;
        let process = &value["process"];
        let owner = Process {
            id: process["id"].as_u64()?.try_into().ok()?,
            started: process["started"].as_u64(),
            pids: text(&process["pids"])?,
            network: text(&process["network"])?,
        };
        let uptime = match &value["uptime"] {
            Value::Null => None,
            uptime => Some(Uptime {
                boot: text(&uptime["boot"])?,
                at: Duration::from_millis(uptime["expires"].as_u64()?),
            }),
        };
        Some(Self {
            node,
            owner,
            expires: Now {
                wall: Duration::from_millis(value["expires"].as_u64()?),
                uptime,
            },
        })
    }
}

/// Writes a record atomically: readers see either the old file or the new one.
pub(super) fn write(dir: &Path, record: &Record) -> Result<()> {
    let name = file_name(&record.node)?;
    let bytes = serde_json::to_vec(&record.to_json()).or_internal("cannot write the record")?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::invalid_argument(format!(
            "the record of `{}` has {} bytes, {MAX_FILE} are allowed; give it less metadata",
            record.node.id,
            bytes.len()
        )));
    }
    let temporary = dir.join(temporary_name());
    let placed = write_new(&temporary, &bytes)
        .and_then(|()| fs::rename(&temporary, dir.join(&name)))
        .map_err(|error| failed("write", dir, &name, error));
    if placed.is_err()
        && let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(file = %temporary.display(), %error, "temporary file stays");
    }
    placed
}

/// Writes a new file that only this user can read, because the directory may be older and readable
/// for others.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

/// Removes a record. Removing a record that does not exist succeeds.
pub(super) fn remove(dir: &Path, node: &Node) -> Result<()> {
    let name = file_name(node)?;
    match fs::remove_file(dir.join(&name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", dir, &name, error))
        }
        _ => Ok(()),
    }
}

/// Reads all records of one service or of all services, and deletes files that are no longer
/// needed.
///
/// A missing directory has no records.
pub(super) fn scan(
    dir: &Path,
    service: Option<&str>,
    (me, now): (&Process, &Now),
) -> Result<Vec<Record>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", dir, "", error)),
    };
    let owner = match fs::metadata(dir) {
        Ok(owner) => owner,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", dir, "", error)),
    };
    let prefix = service.map(|service| format!("{service}~"));
    let mut records = Vec::new();
    let mut left = MAX_READ;
    for entry in entries.take(MAX_NAMES) {
        let entry = entry.map_err(|error| failed("read", dir, "", error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(TEMPORARY) {
            clear_temporary(&entry);
            continue;
        }
        let wanted = prefix
            .as_deref()
            .is_none_or(|prefix| name.starts_with(prefix));
        if !wanted || !is_file_name(name) {
            continue;
        }
        if left == 0 || records.len() >= MAX_RECORDS {
            tracing::warn!(dir = %dir.display(), "too many files, some nodes may not be found");
            break;
        }
        left -= 1;
        match read(&entry.path(), &owner) {
            Ok(Some(record)) if file_name(&record.node).is_ok_and(|own| own == name) => {
                if record.is_litter(me, now) {
                    clear(&entry.path());
                } else {
                    records.push(record);
                }
            }
            Ok(_) => tracing::debug!(file = name, "not a node, passed over"),
            // The file was removed after the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::debug!(file = name, %error, "cannot be read, passed over"),
        }
    }
    Ok(records)
}

/// Returns the service of a node's file. `None` for a name that does not have this form.
pub(super) fn service_of(name: &str) -> Option<&str> {
    name.split_once('~')
        .filter(|_| is_file_name(name))
        .map(|(service, _)| service)
}

/// Whether a file name has the form of a node's file.
fn is_file_name(name: &str) -> bool {
    let name = name.strip_suffix(SUFFIX);
    let parts = name.and_then(|name| name.split_once('~'));
    parts.is_some_and(|(service, id)| check_lookup_name(service).is_ok() && !id.is_empty())
}

/// Minimum size of a record's file, in bytes.
const MIN_FILE: u64 = 2;
const TEMPORARY: &str = ".new-";
const SUFFIX: &str = ".json";

/// Returns a file name that is unique across threads and processes.
pub(super) fn temporary_name() -> String {
    // Processes of two pid namespaces may share their id and the directory, and threads of one
    // process always do. The random number distinguishes them, and the time does if two of them
    // draw the same number.
    format!(
        "{TEMPORARY}{}-{}-{:016x}",
        std::process::id(),
        clock::wall().subsec_nanos(),
        fastrand::u64(..)
    )
}

fn read(path: &Path, dir: &fs::Metadata) -> io::Result<Option<Record>> {
    // Links and pipes are never records, and opening a pipe would block until its other end is
    // opened.
    let found = fs::symlink_metadata(path)?;
    let of_fitting_size = (MIN_FILE..=MAX_FILE).contains(&found.len());
    if !found.is_file() || !of_fitting_size || !is_ours(&found, dir) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut bytes)?;
    Ok(Record::from_json(&bytes))
}

/// Returns `<service>~<id>.json`. Unusual bytes of the id are written as `%XX`.
fn file_name(node: &Node) -> Result<String> {
    let mut name = format!("{}~", node.service);
    for byte in node.id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            name.push(byte.into());
        } else {
            write!(name, "%{byte:02X}").expect("a string takes everything");
        }
    }
    name.push_str(SUFFIX);
    if name.len() <= MAX_NAME {
        return Ok(name);
    }
    Err(Error::invalid_argument(format!(
        "`{}` and `{}` are too long together for a file name, shorten the id",
        node.service, node.id
    )))
}

fn clear(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => tracing::debug!(file = %path.display(), "stale record removed"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::debug!(file = %path.display(), %error, "stale record stays"),
    }
}

/// Deletes the temporary file of a writer that died before the rename.
fn clear_temporary(entry: &fs::DirEntry) {
    let age = entry
        .metadata()
        .and_then(|found| found.modified())
        .map(|time| time.elapsed());
    if matches!(age, Ok(Ok(age)) if age > EXPIRED_RETENTION) {
        clear(&entry.path());
    }
}

fn failed(what: &str, dir: &Path, name: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::ResourceExhausted,
        _ => ErrorKind::Unavailable,
    };
    let shown = dir.join(name);
    Error::new(kind, format!("cannot {what} `{}`", shown.display())).with_source(error)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory for one test, removed at its end.
    pub(crate) struct TestDir(PathBuf);

    pub(crate) fn scratch() -> TestDir {
        let base = std::env::temp_dir();
        TestDir(base.join(format!(
            "micro-test-{}",
            &temporary_name()[TEMPORARY.len()..]
        )))
    }

    impl TestDir {
        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for TestDir {
        fn drop(&mut self) {
            if let Err(error) = fs::remove_dir_all(&self.0) {
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
            }
        }
    }

    fn record(id: &str) -> Record {
        let node = Node::new("greeter", id, "127.0.0.1:80")
            .with_version("1.0")
            .with_metadata("zone", "a\"\n")
            .with_methods(["/greeter.Greeter/Hello"])
            .with_other_addresses(["10.0.0.1:80", "[fd00::1]:80"]);
        Record::new(node, Duration::from_secs(60), Process::this(), &now())
    }

    fn now() -> Now {
        clock::Clock::new().now()
    }

    fn found(dir: &TestDir, service: Option<&str>) -> Vec<Record> {
        scan(dir.path(), service, (&Process::this(), &now())).unwrap()
    }

    #[test]
    fn record_survives_whatever_its_id() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        for id in ["a", "a.b~c", "..", "%41:*?<>|\"", &"~".repeat(63)] {
            let written = record(id);
            write(dir.path(), &written).unwrap();
            let found = found(&dir, Some("greeter"));
            assert_eq!(found.len(), 1, "{id}");
            assert_eq!(found[0].node, written.node);
            assert_eq!(found[0].owner, written.owner);
            let millis = |now: &Now| now.uptime.as_ref().map(|uptime| uptime.at.as_millis());
            assert_eq!(millis(&found[0].expires), millis(&written.expires));
            remove(dir.path(), &written.node).unwrap();
            remove(dir.path(), &written.node).unwrap();
        }
        assert!(found(&dir, None).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_a_record_in_a_directory_that_they_may_list() {
        use std::os::unix::fs::PermissionsExt;
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        write(dir.path(), &record("a")).unwrap();
        let file = fs::metadata(dir.path().join("greeter~a.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn torn_and_hostile_files_are_passed_over() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        let whole = serde_json::to_vec(&record("a").to_json()).unwrap();
        for length in 0..whole.len() {
            fs::write(dir.path().join("greeter~a.json"), &whole[..length]).unwrap();
            assert!(found(&dir, None).is_empty());
        }
        let deep = "[".repeat(60_000);
        let big = vec![b' '; usize::try_from(MAX_FILE).unwrap() + 1];
        let other_name = &whole[..];
        for (name, bytes) in [
            ("greeter~deep.json", deep.as_bytes()),
            ("greeter~big.json", &big),
            ("greeter~b.json", other_name),
            ("greeter~n.json", b"null"),
            ("greeter~u.json", b"\xff\xfe"),
        ] {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        fs::create_dir(dir.path().join("greeter~dir.json")).unwrap();
        assert!(found(&dir, None).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn file_of_another_user_is_passed_over() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        write(dir.path(), &record("a")).unwrap();
        assert_eq!(found(&dir, None).len(), 1);
        // Only root can change the owner of a file.
        match std::os::unix::fs::chown(dir.path().join("greeter~a.json"), Some(65_533), None) {
            Ok(()) => assert!(found(&dir, None).is_empty()),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }

    #[test]
    fn live_node_is_found_among_garbage() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        for n in 0..20_000 {
            fs::write(dir.path().join(format!("garbage-{n}.json")), b"").unwrap();
        }
        for n in 0..MAX_RECORDS {
            fs::write(dir.path().join(format!("greeter~{n}.json")), b"{}").unwrap();
        }
        write(dir.path(), &record("a")).unwrap();
        for service in [None, Some("greeter")] {
            let found = found(&dir, service);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].node.id, "a");
        }
    }

    #[test]
    fn record_of_a_dead_process_is_cleared_away() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        let me = Process::this();
        let mut dead = record("a");
        // No process has this id: Linux assigns ids up to 2^22 only.
        dead.owner.id = u32::MAX;
        write(dir.path(), &dead).unwrap();
        let found = found(&dir, None);
        if dead.owner.is_gone(&me) {
            assert!(found.is_empty());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        } else {
            assert_eq!(
                found.len(),
                1,
                "processes are not seen here, so the ttl decides"
            );
        }
    }

    #[test]
    fn record_past_its_ttl_or_of_another_network_is_not_live() {
        let (me, now) = (Process::this(), now());
        assert!(record("a").is_live(&me, &now));
        let over = Record {
            expires: now.clone(),
            ..record("a")
        };
        assert!(!over.is_live(&me, &now));
        let mut elsewhere = record("a");
        elsewhere.owner.network = "net:[1]".to_owned();
        assert!(!elsewhere.is_live(&me, &now));
    }

    #[test]
    fn format_of_before_is_read_and_one_to_come_is_passed_over() {
        let mut json = record("a").to_json();
        json["format"] = 3.into();
        assert!(Record::from_json(json.to_string().as_bytes()).is_none());
        let fields = json.as_object_mut().unwrap();
        fields.remove("format");
        fields.remove("uptime");
        let before = Record::from_json(json.to_string().as_bytes()).unwrap();
        let (me, mut now) = (Process::this(), now());
        assert!(before.expires.uptime.is_none() && before.is_live(&me, &now));
        now.wall += Duration::from_secs(61);
        assert!(!before.is_live(&me, &now));
    }
}
