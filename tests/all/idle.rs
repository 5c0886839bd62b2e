//! How often idle programs wake up. Every wake-up keeps a processor from sleeping.

use std::time::{Duration, Instant};

use micro_tests::{Program, World};

/// Length of a measurement. Heartbeats come every 8 to 10 seconds.
const LENGTH: Duration = Duration::from_secs(20);
/// Maximum number of times a second that a thread of an idle program waits again. It was 1.6 on a
/// quiet machine, and 15 for a client that looked for ended processes twice a second.
const MAX_WAKES: f64 = 3.0;

/// Number of times that threads of a program have waited so far. Involuntary context switches
/// depend on what else runs on the machine.
fn wakes(program: &Program) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        // A thread may end meanwhile.
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let lines = status.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            let counts = key == "voluntary_ctxt_switches";
            counts.then(|| value.trim().parse::<u64>().unwrap())
        });
        Some(lines.sum::<u64>())
    };
    threads.filter_map(of_thread).sum()
}

#[test]
fn idle_programs_hardly_wake() {
    // Without multicast DNS, because the traffic of other programs on this network would count.
    let world = World::new();
    let node = Program::start(&mut world.command(env!("CARGO_BIN_EXE_node")));
    let mut client = Program::start(&mut world.command(env!("CARGO_BIN_EXE_idle")));
    client.line("called");
    // Threads that were started for the first work end after 10 s without any.
    std::thread::sleep(Duration::from_secs(12));
    let programs = [("node", &node), ("client", &client)];
    let before = programs.map(|(_, program)| wakes(program));
    let start = Instant::now();
    std::thread::sleep(LENGTH);
    let seconds = start.elapsed().as_secs_f64();
    let after = programs.map(|(_, program)| wakes(program));
    for (at, (what, _)) in programs.iter().enumerate() {
        let count = after[at].saturating_sub(before[at]);
        #[expect(clippy::cast_precision_loss, reason = "the number is small")]
        let rate = count as f64 / seconds;
        println!("idle {what}: {rate:.2} wakes a second");
        assert!(rate < MAX_WAKES, "{what}: {rate:.2} a second");
    }
}
