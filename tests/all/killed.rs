//! Events in files, with a process that is killed again and again while it uses one directory.
//!
//! After each kill: acknowledged events are present once and in order. Beyond them there are only
//! whole batches whose acknowledgement was not received. Offsets continue. Settled events are not
//! delivered again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use micro::events::{Config, Events, File, Start};
use micro_tests::{DEADLINE, Program, World, until};

/// What the processes reported, and what was found.
#[derive(Default)]
struct Promised {
    /// First offset and size of each acknowledged batch, by name.
    appended: BTreeMap<String, (u64, u64)>,
    settled: BTreeSet<u64>,
    delivered: u64,
    /// End of the log after the last kill.
    end: u64,
}

impl Promised {
    /// Parses the output of a process before it was killed.
    fn hear(&mut self, lines: &[String]) {
        let before = self.settled.clone();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["appended", offset, of, name, "."] => {
                    let place = (offset.parse().unwrap(), of.parse().unwrap());
                    assert!(
                        place.0 >= self.end,
                        "{line}: the log had {} records",
                        self.end
                    );
                    assert!(self.appended.insert(name.to_owned(), place).is_none());
                }
                ["delivered", offset, "."] => {
                    self.delivered += 1;
                    let offset = offset.parse().unwrap();
                    assert!(
                        !before.contains(&offset),
                        "{offset} was settled and came again"
                    );
                }
                ["settled", offset, "."] => {
                    self.settled.insert(offset.parse().unwrap());
                }
                // The last line may be incomplete.
                _ => assert!(!line.ends_with('.'), "{line}"),
            }
        }
    }

    /// Reads and checks the whole log.
    async fn check(&mut self, dir: &Path) {
        let events = Events::new(File::new(Config::new(dir)));
        let lag = events.lag("all", "group").await.unwrap();
        let mark = events.append_to("mark", "x").await.unwrap();
        assert!(mark < 1_000_000);
        let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut records = events.read("all", Start::Earliest).await.unwrap();
        // The lag of a group without acknowledgements is the number of all events.
        let next = events.lag("all", "nobody").await.unwrap();
        for offset in 0..next {
            let record = tokio::time::timeout(DEADLINE, records.next())
                .await
                .unwrap();
            let record = record.unwrap().unwrap();
            assert_eq!(record.offset, offset);
            let text = String::from_utf8(record.event.payload.to_vec()).unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            let [name, at, of, letters] = words[..] else {
                panic!("{text}");
            };
            let (at, of): (u64, u64) = (at.parse().unwrap(), of.parse().unwrap());
            let sum: u64 = name.bytes().map(u64::from).sum();
            assert_eq!(letters.len() as u64, sum * (at + 1) % 700, "{name}");
            let batch = found.entry(name.to_owned()).or_insert((record.offset, 0));
            assert_eq!(batch.0 + at, record.offset, "{name} is torn or comes twice");
            batch.1 += 1;
            assert!(batch.1 <= of);
        }
        for (name, place) in &self.appended {
            assert_eq!(found.get(name), Some(place), "{name} was acknowledged");
        }
        assert!(next >= self.end, "{next} after {}", self.end);
        assert!(lag <= next - self.settled.len() as u64);
        in_order(&found);
        self.end = next;
        events.close().await.unwrap();
    }
}

/// Checks that each writer's batches are complete and in order, from the first one.
fn in_order(found: &BTreeMap<String, (u64, u64)>) {
    let mut writers: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for (name, (offset, _)) in found {
        let (writer, number) = name.rsplit_once('.').unwrap();
        let numbers = writers.entry(writer).or_default();
        numbers.push((number.parse().unwrap(), *offset));
    }
    for (writer, mut numbers) in writers {
        numbers.sort_unstable();
        let expected = 0..numbers.len() as u64;
        assert!(
            numbers.iter().map(|(number, _)| *number).eq(expected),
            "{writer}"
        );
        assert!(numbers.is_sorted_by_key(|(_, offset)| *offset), "{writer}");
    }
}

/// Starts the process and kills it, `times` times.
async fn kill(times: u64) {
    let world = World::new();
    let dir = world.root().join("events");
    let mut promised = Promised::default();
    let mut random = fastrand::Rng::with_seed(times);
    let start = Instant::now();
    for run in 0..times {
        let sync = if run % 4 == 0 { "never" } else { "always" };
        let mut command = world.command(env!("CARGO_BIN_EXE_appender"));
        command.arg(&dir).args([sync, &run.to_string()]);
        let mut program = Program::start(&mut command);
        // Some are killed while they open the previous process's files.
        let lines = if run % 5 == 0 { 0 } else { random.usize(0..60) };
        until("the process to have said enough", || {
            let said = program.output().len();
            assert_eq!(program.errors(), Vec::<String>::new());
            (said >= lines).then_some(())
        });
        std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        program.kill();
        program.wait();
        assert_eq!(program.errors(), Vec::<String>::new());
        promised.hear(&program.output());
        promised.check(&dir).await;
    }
    println!(
        "killed {times} times in {:.0} s: {} records, {} batches acknowledged and all there; {} \
         settled of {} deliveries, none of them again",
        start.elapsed().as_secs_f64(),
        promised.end,
        promised.appended.len(),
        promised.settled.len(),
        promised.delivered
    );
    assert!(
        promised.appended.len() as u64 > times,
        "it was killed too early"
    );
}

#[tokio::test]
async fn what_was_acknowledged_survives_kills() {
    kill(10).await;
}

#[tokio::test]
#[ignore = "needs some minutes"]
async fn needs_minutes_what_was_acknowledged_survives_two_hundred_kills() {
    kill(200).await;
}
