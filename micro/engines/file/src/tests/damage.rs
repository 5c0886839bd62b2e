//! Tests with damaged files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{all, files, open, scratch, text};
use crate::{Config, File};
use micro_events::{Event, Events, Options, Start};
use micro_message::error::ErrorKind;

/// Appends numbers one by one and in batches, then closes the log.
async fn filled(events: Events, count: u32) {
    let mut number = 0;
    while number < count {
        let size = if number % 5 == 0 { 3 } else { 1 };
        let batch = (number..number + size).map(|number| Event::new(format!("number {number}")));
        events.append_batch("a", batch).await.unwrap();
        number += size;
    }
    events.close().await.unwrap();
}

fn one_segment(dir: &Path) -> Events {
    Events::new(File::new(Config::new(dir)))
}

#[tokio::test]
async fn a_write_that_was_cut_short_is_cut_off_wherever_it_was() {
    let dir = scratch();
    filled(one_segment(dir.path()), 10).await;
    let file = files(dir.path(), "a", "log").remove(0);
    let whole = fs::read(&file).unwrap();
    let mut most = 0;
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let events = one_segment(dir.path());
        let numbers = all(&events, "a").await.unwrap();
        events.close().await.unwrap();
        for (number, record) in numbers.iter().enumerate() {
            assert_eq!(record.offset, number as u64);
            assert_eq!(text(record), format!("number {number}"));
        }
        // The batches have three events, one event, and three events, and are recovered completely
        // or not at all.
        assert!(
            [0, 3, 4, 5, 8, 9].contains(&numbers.len()),
            "{}",
            numbers.len()
        );
        most = most.max(numbers.len());
    }
    assert_eq!(most, 9);
}

#[tokio::test]
async fn junk_at_the_end_is_cut_off() {
    let dir = scratch();
    filled(one_segment(dir.path()), 5).await;
    let file = files(dir.path(), "a", "log").remove(0);
    let whole = fs::read(&file).unwrap();
    for junk in [vec![0; 5000], vec![0xff; 77], b"MICROEVT".to_vec()] {
        fs::write(&file, [whole.clone(), junk].concat()).unwrap();
        let events = one_segment(dir.path());
        assert_eq!(all(&events, "a").await.unwrap().len(), 5);
        events.close().await.unwrap();
        fs::write(&file, &whole).unwrap();
    }
}

#[tokio::test]
async fn damage_in_the_midst_is_told_and_what_is_around_it_is_read() {
    for segment in [400, 1 << 20] {
        let dir = scratch();
        let open = || Events::new(File::new(Config::new(dir.path()).with_segment(segment)));
        filled(open(), 40).await;
        let file = files(dir.path(), "a", "log").remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.windows(8).position(|w| w == b"number 4").unwrap();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();

        let events = open();
        let error = all(&events, "a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        for part in [
            &*file.display().to_string(),
            "offsets 4 to 4",
            "from offset 5",
        ] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
        let lost = events
            .read("a", Start::Offset(4))
            .await
            .unwrap()
            .next()
            .await;
        assert_eq!(lost.unwrap().unwrap_err().kind(), ErrorKind::DataLoss);
        let mut behind = events.read("a", Start::Offset(5)).await.unwrap();
        assert_eq!(text(&behind.next().await.unwrap().unwrap()), "number 5");

        let mut group = events.consume("a", "g", Options::new()).await.unwrap();
        let (mut seen, mut errors) = (Vec::new(), 0);
        while seen.len() < 39 {
            match group.next().await.unwrap() {
                Ok(delivery) => {
                    seen.push(delivery.record().offset);
                    delivery.ack().await.unwrap();
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::DataLoss);
                    errors += 1;
                }
            }
        }
        assert_eq!(errors, 1);
        assert_eq!(seen, (0..40).filter(|n| *n != 4).collect::<Vec<u64>>());
        events.close().await.unwrap();
    }
}

/// The last write but one is damaged, and the last write was interrupted.
#[tokio::test]
async fn offsets_of_damaged_records_are_not_given_away_again() {
    for kept in [1, 2] {
        let dir = scratch();
        let events = one_segment(dir.path());
        for number in 0..5 {
            let event = format!("number {number}").into_bytes();
            events.append_to("a", event).await.unwrap();
        }
        let batch = ["number 5", "number 6", "number 7"].map(Event::new);
        events.append_batch("a", batch).await.unwrap();
        events.close().await.unwrap();
        let file = files(dir.path(), "a", "log").remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let place = |text: &[u8; 8]| bytes.windows(8).position(|w| w == text).unwrap();
        let (damaged, cut) = (place(b"number 4"), place(b"number 6"));
        let cut = if kept == 1 { cut } else { place(b"number 7") };
        bytes.truncate(cut);
        bytes[damaged] ^= 1;
        fs::write(&file, bytes).unwrap();

        // The result is the same however often the log is opened before the next write.
        for _ in 0..3 {
            let events = one_segment(dir.path());
            let (found, told) = salvage(&events, 5).await;
            assert_eq!((found.len(), told), (4, 1), "{kept}");
            events.close().await.unwrap();
        }
        for offset in [5, 6] {
            let events = one_segment(dir.path());
            let new = format!("new {offset}").into_bytes();
            assert_eq!(events.append_to("a", new).await.unwrap(), offset);
            events.close().await.unwrap();
        }
        let events = one_segment(dir.path());
        let (found, told) = salvage(&events, 7).await;
        let texts = found.iter().map(|(_, text)| &**text);
        let expected = [
            "number 0", "number 1", "number 2", "number 3", "new 5", "new 6",
        ];
        assert!(texts.eq(expected), "{found:?}");
        assert_eq!(told, 1);
        events.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_segment_is_told() {
    let dir = scratch();
    filled(open(dir.path()), 60).await;
    let logs = files(dir.path(), "a", "log");
    assert!(logs.len() > 4, "{logs:?}");
    fs::remove_file(&logs[2]).unwrap();
    let events = open(dir.path());
    let error = all(&events, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    events.close().await.unwrap();
}

/// The expected records by offset. A damaged log must not return any other record.
fn expected(count: u32) -> BTreeMap<u64, String> {
    let numbers = 0..count;
    numbers
        .map(|n| (u64::from(n), format!("number {n}")))
        .collect()
}

/// Reads all records and continues after each damage. Returns the records and the number of damaged
/// parts.
async fn salvage(events: &Events, end: u64) -> (Vec<(u64, String)>, u32) {
    let (mut found, mut damaged, mut at) = (Vec::new(), 0, 0);
    while at < end {
        let start = Start::Offset(at);
        let mut records = events.read("a", start).await.unwrap();
        match records.next().await.unwrap() {
            Ok(record) => {
                assert!(record.offset >= at);
                at = record.offset + 1;
                if record.offset < end {
                    found.push((record.offset, text(&record)));
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::DataLoss, "{error:?}");
                damaged += 1;
                at += 1;
            }
        }
    }
    (found, damaged)
}

#[tokio::test]
async fn no_changed_byte_is_ever_served() {
    let (pristine, work) = (scratch(), scratch());
    let events = open(pristine.path());
    let mut group = events.consume("a", "g", Options::new()).await.unwrap();
    events.append_to("a", "number 0").await.unwrap();
    group.next().await.unwrap().unwrap().ack().await.unwrap();
    for number in 1..60 {
        let event = format!("number {number}").into_bytes();
        events.append_to("a", event).await.unwrap();
    }
    events.close().await.unwrap();
    let expected = expected(60);
    let (mut served, mut damaged) = (0, 0);
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        copy(pristine.path(), work.path());
        for _ in 0..random.u32(1..4) {
            hurt(work.path(), &mut random);
        }
        let events = open(work.path());
        // Damage can remove the end of the log, but must not extend the log.
        let end = events.append_to("a", "new").await.unwrap();
        assert!(end <= 60, "seed {seed}: {end}");
        let (found, told) = salvage(&events, end).await;
        for (offset, payload) in &found {
            assert_eq!(expected.get(offset), Some(payload), "seed {seed}");
        }
        let mut group = events.consume("a", "g", Options::new()).await.unwrap();
        if end > 1 {
            // The group continues, with a record or with an error for a damaged part.
            assert!(group.next().await.is_some());
        }
        events.close().await.unwrap();
        served += found.len();
        damaged += told;
        fs::remove_dir_all(work.path()).unwrap();
    }
    assert!(
        served > 150 * 30 && damaged > 50,
        "{served} served, {damaged} damaged"
    );
}

/// Flips a bit, truncates a file, or fills a range with one byte.
fn hurt(dir: &Path, random: &mut fastrand::Rng) {
    let mut all = files(dir, "a", "log");
    all.extend(files(dir, "a", "group"));
    let file = &all[random.usize(..all.len())];
    let mut bytes = fs::read(file).unwrap();
    let at = random.usize(..=bytes.len().saturating_sub(1));
    match random.u32(0..4) {
        _ if bytes.is_empty() => {}
        0 => bytes.truncate(at),
        1 => {
            let end = (at + random.usize(..64)).min(bytes.len());
            bytes[at..end].fill(random.u8(..));
        }
        _ => bytes[at] ^= 1 << random.u32(0..8),
    }
    fs::write(file, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
