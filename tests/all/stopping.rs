//! SIGTERM ends programs that hang in a start hook, and those whose workers are all blocked.

use micro_tests::{Program, World};

fn stubborn(world: &World, how: &str, drain: &str) -> Program {
    let mut command = world.command(env!("CARGO_BIN_EXE_stopping"));
    command.arg(how).env("MICRO_DRAIN_TIMEOUT", drain);
    let mut program = Program::start(&mut command);
    program.line("here");
    program
}

#[test]
fn a_start_that_waits_ends_with_the_first_signal() {
    let world = World::new();
    let mut program = stubborn(&world, "start-waits", "1s");
    program.terminate();
    assert!(program.wait().success());
    assert!(!program.output().contains(&"stop hook".to_owned()));
}

#[test]
fn a_start_that_blocks_its_thread_ends_with_the_first_signal() {
    let world = World::new();
    let mut program = stubborn(&world, "start-blocks", "1s");
    program.terminate();
    assert!(program.wait().success());
}

#[test]
fn the_drain_ends_while_all_workers_are_blocked() {
    let world = World::new();
    let mut program = stubborn(&world, "workers-blocked", "1s");
    program.terminate();
    assert!(program.wait().success());
    assert!(program.output().contains(&"stop hook".to_owned()));
}

#[test]
fn a_second_signal_ends_the_program_while_all_workers_are_blocked() {
    let world = World::new();
    let mut program = stubborn(&world, "workers-blocked", "1h");
    // Only a signal at least 500 ms after the first one ends the program.
    let status = program.terminate_until_ended();
    assert_eq!(status.code(), Some(130));
    assert!(!program.output().contains(&"stop hook".to_owned()));
}

#[test]
fn two_signals_at_once_are_one_request_to_stop() {
    let world = World::new();
    let mut program = stubborn(&world, "work-runs", "1s");
    program.terminate();
    program.terminate();
    assert!(program.wait().success());
    assert!(program.output().contains(&"stop hook".to_owned()));
}
