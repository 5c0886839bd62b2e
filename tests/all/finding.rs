//! Two programs without settings find each other quickly, in either order of start.

use micro_tests::{Program, World};

/// Bound in seconds on a loaded machine. The expected time is printed beside the measured one.
const BOUND: f64 = 10.0;

/// A service name that no other test and no other program on this network uses.
fn name(what: &str) -> String {
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("test-{what}-{}-{nanos}", std::process::id())
}

/// Starts a program in a role, in a world.
fn start(world: &World, role: &str, name: &str, registry: Option<&str>) -> Program {
    let mut command = world.command_without_settings(env!("CARGO_BIN_EXE_found"));
    if let Some(registry) = registry {
        command.env("MICRO_REGISTRY", registry);
    }
    Program::start(command.args([role, name]))
}

/// Returns the first word after `start` in a line, as a number.
fn stamp(program: &mut Program, start: &str) -> f64 {
    let line = program.line(start);
    let first = line.split(' ').next().unwrap();
    first.parse::<f64>().unwrap() / 1e6
}

/// Returns the seconds from the start of the later program to the first response.
fn first_call(name: &str, registry: Option<&str>, caller_first: bool) -> f64 {
    let world = World::new();
    let (mut server, mut caller);
    if caller_first {
        caller = start(&world, "call", name, registry);
        caller.line("up");
        server = start(&world, "serve", name, registry);
    } else {
        server = start(&world, "serve", name, registry);
        server.line("up");
        caller = start(&world, "call", name, registry);
    }
    let up = stamp(&mut server, "up").max(stamp(&mut caller, "up"));
    let answered = stamp(&mut caller, "answered");
    let who = caller.line("answered");
    assert!(who.ends_with(&format!("by {}", server.id())), "{who}");
    assert!(caller.wait().success());
    server.terminate();
    server.wait();
    answered - up
}

fn measure(what: &str, registry: Option<&str>, promised: f64) {
    for caller_first in [false, true] {
        let mut all: Vec<f64> = (0..3)
            .map(|_| first_call(&name(what), registry, caller_first))
            .collect();
        all.sort_by(f64::total_cmp);
        let first = if caller_first { "caller" } else { "server" };
        println!(
            "first call with {what}, {first} first: {:.3} s (median of 3; {:.3} to {:.3}; \
             promised {promised})",
            all[1], all[0], all[2]
        );
        assert!(all[1] < BOUND, "{what}, {first} first: {all:?} s");
    }
}

#[test]
fn first_call_without_settings() {
    measure("defaults", None, 0.25);
}

#[test]
fn first_call_by_mdns_alone() {
    measure("mdns", Some("mdns"), 1.5);
}
