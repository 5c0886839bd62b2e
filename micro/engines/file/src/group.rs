//! Progress of a group on disk: a small log of steps, which is rewritten when it has grown.
//!
//! A damaged step is ignored. At worst, a record is delivered again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::crc::crc32c;
use crate::disk::{Appender, DiskSpace, Identity, failed, lost, sync_dir};
use crate::names::{escape, unescape};
use crate::topic::names;
use micro_events::log::{Progress, Step};
use micro_message::error::{Error, Result};

const MAGIC: &[u8; 8] = b"MICROGRP";
const VERSION: u32 = 1;
/// Size of the header in bytes: magic, version, checksum of both.
const GROUP_HEAD: usize = 16;
/// Size of a step in bytes: kind, two numbers, checksum.
const STEP_LEN: usize = 1 + 8 + 8 + 4;
/// Minimum number of steps at which a file is rewritten.
const COMPACT_THRESHOLD: usize = 4096;

pub(super) fn head() -> Vec<u8> {
    let mut head = Vec::with_capacity(GROUP_HEAD);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&crc32c(&head, &[]).to_le_bytes());
    head
}

fn put(out: &mut Vec<u8>, step: Step) {
    let start = out.len();
    let (kind, first, second) = match step {
        Step::Start(at) => (1, at, 0),
        Step::Settle(from, to) => (2, from, to),
        Step::Tried(offset, times) => (3, offset, u64::from(times)),
    };
    out.push(kind);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&second.to_le_bytes());
    out.extend_from_slice(&crc32c(&out[start..], &[]).to_le_bytes());
}

fn step(bytes: &[u8; STEP_LEN]) -> Option<Step> {
    let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
    if bytes[17..] != crc32c(&bytes[..17], &[]).to_le_bytes() {
        return None;
    }
    let (first, second) = (number(1)?, number(9)?);
    match bytes[0] {
        1 => Some(Step::Start(first)),
        2 => Some(Step::Settle(first, second)),
        3 => Some(Step::Tried(first, u32::try_from(second).ok()?)),
        _ => None,
    }
}

/// Path of a group's file.
fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{}.group", escape(name)))
}

/// Loads all groups of a topic's directory.
pub(super) fn load_all(dir: &Path) -> Result<BTreeMap<String, Progress>> {
    let mut groups = BTreeMap::new();
    for file in names(dir)? {
        if let Some(name) = file.strip_suffix(".group").and_then(unescape)
            && let Some((progress, _)) = load(&dir.join(&file))?
        {
            groups.insert(name, progress);
        }
    }
    Ok(groups)
}

/// Loads the progress and the number of steps; `None` if the file has no valid step.
fn load(path: &Path) -> Result<Option<(Progress, usize)>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| failed(error, "read", path))?,
    };
    let whole = bytes.get(..GROUP_HEAD) == Some(&head()[..]);
    if let Some(found) = bytes.get(..GROUP_HEAD)
        && !whole
        && found[12..] == crc32c(&found[..12], &[]).to_le_bytes()
    {
        return Err(Error::failed_precondition(format!(
            "`{}` has a format that this program does not read; use the program that wrote it",
            path.display()
        )));
    }
    let found = read(&bytes);
    if found.bad > 0 {
        let (file, bad) = (path.display(), found.bad);
        tracing::warn!(%file, bad, "steps of a group are damaged; some records come again");
    }
    if !found.is_whole() {
        // Rewrite the file, so that the next steps are aligned and can be read.
        rewrite(path, &found.progress, &DiskSpace::default())?;
    }
    Ok((found.good > 0).then_some((found.progress, found.good)))
}

/// Contents of a group file.
pub(super) struct ParsedGroup {
    pub(super) progress: Progress,
    good: usize,
    bad: usize,
    /// Whether the header is valid and the last step is complete.
    framed: bool,
}

impl ParsedGroup {
    pub(super) fn is_whole(&self) -> bool {
        self.framed && self.bad == 0
    }
}

/// Decodes a group file as far as possible.
pub(super) fn read(bytes: &[u8]) -> ParsedGroup {
    let (steps, torn) = bytes
        .get(GROUP_HEAD..)
        .unwrap_or_default()
        .as_chunks::<STEP_LEN>();
    let mut found = ParsedGroup {
        progress: Progress::default(),
        good: 0,
        bad: 0,
        framed: torn.is_empty() && bytes.get(..GROUP_HEAD) == Some(&head()[..]),
    };
    for bytes in steps {
        match step(bytes) {
            Some(step) => {
                found.progress.apply(step);
                found.good += 1;
            }
            None => found.bad += 1,
        }
    }
    found
}

/// Encodes a group file with this progress.
pub(super) fn bytes(progress: &Progress) -> Vec<u8> {
    let mut bytes = head();
    progress.steps().for_each(|step| put(&mut bytes, step));
    bytes
}

/// Atomically replaces a group file by one with this progress. Returns the open file and the number
/// of its steps.
fn rewrite(path: &Path, progress: &Progress, room: &DiskSpace) -> Result<(Appender, usize)> {
    let bytes = bytes(progress);
    let new = path.with_extension("group-new");
    let written = Appender::open(&new, room).and_then(|mut file| {
        file.cut(0)?;
        file.write(&bytes)?;
        file.sync()?;
        fs::rename(&new, path)?;
        Ok(file)
    });
    let file = written.map_err(|error| failed(error, "write", path))?;
    if let Err(error) = sync_dir(path.parent().unwrap_or(path)) {
        // After a crash, the previous file may be found instead. It contains less progress, which
        // is still correct.
        let file = path.display();
        tracing::warn!(%file, %error, "a group may be found as it was before");
    }
    Ok((file, (bytes.len() - GROUP_HEAD) / STEP_LEN))
}

/// A group's file as used by the writing thread.
#[derive(Debug)]
pub(super) struct GroupFile {
    path: PathBuf,
    /// `None` while the file is closed to limit the number of open files.
    file: Option<Appender>,
    identity: Identity,
    room: DiskSpace,
    /// Number of valid bytes.
    length: u64,
    steps: usize,
    /// Number of steps after the last rewrite.
    least: usize,
    /// Whether the file may have invalid bytes at its end. It must then be truncated before the
    /// next write.
    torn: bool,
    /// Encoded steps to be written.
    waiting: Vec<u8>,
}

impl GroupFile {
    /// Opens the file of a group and creates it if necessary. The caller must then sync the
    /// directory.
    pub(super) fn open(dir: &Path, name: &str, room: &DiskSpace) -> Result<Self> {
        let path = path(dir, name);
        let steps = load(&path)?.map_or(0, |(_, steps)| steps);
        let mut file = Appender::open(&path, room).map_err(|error| failed(error, "open", &path))?;
        if steps == 0 {
            let begun = file.cut(0).and_then(|()| file.write(&head()));
            begun.map_err(|error| failed(error, "write", &path))?;
        }
        Ok(Self {
            length: (GROUP_HEAD + steps * STEP_LEN) as u64,
            path,
            identity: file.identity(),
            file: Some(file),
            room: room.clone(),
            steps,
            least: steps,
            torn: false,
            waiting: Vec::new(),
        })
    }

    /// Closes the file until it is needed again.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    fn opened(&mut self) -> Result<&mut Appender> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = Appender::again(&self.path, self.known(), &self.room);
                file.map_err(|error| self.lost().with_source(error))?
            }
        };
        Ok(self.file.insert(file))
    }

    /// Identity and length of the file, to detect that another file has replaced it.
    fn known(&self) -> (Option<Identity>, u64) {
        (Some(self.identity), self.length)
    }

    fn lost(&self) -> Error {
        lost(self.path.parent().unwrap_or(&self.path))
    }

    pub(super) fn add(&mut self, step: Step) {
        put(&mut self.waiting, step);
    }

    /// Writes all buffered steps or none.
    pub(super) fn write(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let (torn, length) = (self.torn, self.length);
        let file = self.opened()?;
        let cleared = if torn { file.cut(length) } else { Ok(()) };
        let written = cleared.and_then(|()| file.write(&waiting));
        let written = written.map_err(|error| failed(error, "write", &self.path));
        let written = match written {
            Ok(()) if !self.identity.is_at(&self.path) => Err(self.lost()),
            written => written,
        };
        if let Err(error) = written {
            let file = self.opened()?;
            self.torn = file.cut(length).is_err();
            return Err(error);
        }
        self.torn = false;
        self.length += waiting.len() as u64;
        self.steps += waiting.len() / STEP_LEN;
        Ok(())
    }

    /// Whether the file has grown enough to be rewritten.
    pub(super) fn has_grown(&self) -> bool {
        self.steps > COMPACT_THRESHOLD && self.steps > 8 * self.least
    }

    /// Rewrites and syncs the file. The records that `progress` refers to must already be synced.
    /// If the rewrite fails, the current file remains valid, and a later call tries again.
    pub(super) fn compact(&mut self, progress: &Progress) {
        match rewrite(&self.path, progress, &self.room) {
            Ok((file, steps)) => {
                self.identity = file.identity();
                self.file = Some(file);
                (self.steps, self.least) = (steps, steps);
                self.length = (GROUP_HEAD + steps * STEP_LEN) as u64;
            }
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "a group's file grows, as it cannot be written anew");
            }
        }
    }

    /// Syncs the file. A closed file is opened for this.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = match &self.file {
            Some(file) => file.sync(),
            None => {
                Appender::again(&self.path, self.known(), &self.room).and_then(|file| file.sync())
            }
        };
        synced.map_err(|error| failed(error, "sync", &self.path))
    }
}
