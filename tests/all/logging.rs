//! Programs whose standard error is a pipe that is not read, or that is closed.

use std::io::{BufRead, BufReader, PipeReader, Read, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};

use micro_tests::{World, http, until};
use rustix::process::{Pid, Signal, kill_process};

/// A program that is killed when dropped.
struct Silent(Child);

impl Silent {
    /// Starts a program and returns the reading end of its standard error.
    fn start(command: &mut Command) -> (Self, PipeReader) {
        let (reader, errors) = pipe().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(errors).spawn().unwrap();
        // The command holds the writing end until it is changed.
        command.stderr(Stdio::null());
        (Self(child), reader)
    }

    fn wait(&mut self) -> ExitStatus {
        until("the end of the program", || self.0.try_wait().unwrap())
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn node(world: &World) -> Command {
    let mut command = world.command(env!("CARGO_BIN_EXE_node"));
    command.env("MICRO_LOG", "trace");
    command
}

/// Reads the log up to the address.
fn address(log: &mut BufReader<PipeReader>) -> String {
    let mut lines = log.by_ref().lines().map(Result::unwrap);
    let address = lines.find_map(|line| {
        let rest = line.trim_start().strip_prefix("address")?.trim();
        Some(rest.split(' ').next().unwrap().to_owned())
    });
    address.unwrap()
}

fn greets(address: &str) {
    let head = "POST /greeter.Greeter/Hello\ncontent-type: application/json";
    let answer = http(address, head, br#"{"name":"Ada"}"#).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn log_that_is_not_read_stops_neither_calls_nor_the_end() {
    let world = World::new();
    let (mut node, log) = Silent::start(&mut node(&world));
    let mut log = BufReader::new(log);
    let address = address(&mut log);
    // A pipe holds 64 KiB. The log has at least 250 bytes per call.
    for _ in 0..600 {
        greets(&address);
    }
    node.terminate();
    assert!(node.wait().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    // A pipe whose last page is not full may still refuse the next write.
    assert!(
        rest.len() >= 56 << 10,
        "the pipe was not full: {} bytes",
        rest.len()
    );
}

#[test]
fn log_whose_reader_has_ended_stops_neither_calls_nor_the_end() {
    let world = World::new();
    let (mut node, log) = Silent::start(&mut node(&world));
    let mut log = BufReader::new(log);
    let address = address(&mut log);
    drop(log);
    for _ in 0..100 {
        greets(&address);
    }
    node.terminate();
    assert!(node.wait().success());
}

#[test]
fn failed_start_exits_with_code_1_although_the_reader_has_ended() {
    let world = World::new();
    let mut command = node(&world);
    command.env("MICRO_LOG", "verbose");
    let (reader, errors) = pipe().unwrap();
    drop(reader);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut program = Silent(command.stderr(errors).spawn().unwrap());
    assert_eq!(program.wait().code(), Some(1));
}
