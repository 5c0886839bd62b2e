//! Tests that are specific to the file backend.

mod damage;
mod disk;
mod handles;
mod ids;
mod lost;
mod place;

use std::path::{Path, PathBuf};

use crate::{Config, File};
use micro_events::{Events, Record, Start};

/// A test directory, removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}

/// Returns the path of a directory that does not exist yet.
pub(crate) fn scratch() -> Scratch {
    let name = format!(
        "micro-events-{}-{:016x}",
        std::process::id(),
        fastrand::u64(..)
    );
    Scratch(std::env::temp_dir().join(name))
}

/// Opens a directory with small segments.
fn open(dir: &Path) -> Events {
    Events::new(File::new(Config::new(dir).with_segment(400)))
}

fn text(record: &Record) -> String {
    String::from_utf8(record.event.payload.to_vec()).unwrap()
}

/// Reads all records of a topic up to the current end, or returns the first error.
async fn all(events: &Events, topic: &str) -> micro_message::error::Result<Vec<Record>> {
    let end = events.append_to(topic, "end").await?;
    let mut records = events.read(topic, Start::Earliest).await?;
    let mut all = Vec::new();
    while let Some(record) = records.next().await {
        let record = record?;
        if record.offset == end {
            break;
        }
        all.push(record);
    }
    Ok(all)
}

/// The files of a topic with this extension, sorted by name.
fn files(dir: &Path, topic: &str, extension: &str) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(dir.join("topics").join(topic)).unwrap();
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}
