//! Every example is run as a program of its own and prints what its header says.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails, as it should"
)]

use std::fs;
use std::path::{Path, PathBuf};

use micro_tests::{Program, World, workspace};

/// Where Cargo puts the examples: beside the folder of this test.
fn built(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    assert!(
        path.exists(),
        "{} is not built; run all of `cargo test -p micro-examples`",
        path.display()
    );
    path
}

/// What the header of an example says that it prints: the one block of text after "Prints", or
/// what stands there in backticks.
fn promised(file: impl AsRef<Path>) -> Vec<String> {
    let text = fs::read_to_string(workspace().join("examples").join(file)).unwrap();
    let header: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let header = header.join("\n");
    let (_, prints) = header.split_once("Prints").unwrap();
    match prints.trim_start().split_once("```text\n") {
        Some(("", block)) => {
            let (block, _) = block.split_once("\n```").unwrap();
            block.lines().map(str::to_owned).collect()
        }
        _ => vec![prints.split('`').nth(1).unwrap().to_owned()],
    }
}

fn run(world: &World, name: &str) -> Vec<String> {
    let mut program = Program::start(&mut world.command(built(name)));
    let status = program.wait();
    assert!(status.success(), "{name}: {status}, {:?}", program.errors());
    program.output()
}

#[test]
fn examples_of_one_program_print_what_they_say() {
    for name in ["01_hello", "03_wrap", "04_contract", "05_by_hand"] {
        let printed = run(&World::new(), name);
        assert_eq!(printed, promised(format!("{name}.rs")), "{name}");
    }
}

#[test]
fn the_two_services_find_each_other_whoever_is_first() {
    let promised = promised("02_two_services/caller.rs");
    assert_eq!(promised.len(), 3);

    let world = World::new();
    let mut greeter = Program::start(&mut world.command(built("02_greeter")));
    greeter.line("node");
    assert_eq!(run(&world, "02_caller"), promised);

    let world = World::new();
    let mut caller = Program::start(&mut world.command(built("02_caller")));
    caller.line("registry");
    let mut greeter = Program::start(&mut world.command(built("02_greeter")));
    assert!(caller.wait().success());
    assert_eq!(caller.output(), promised);
    greeter.terminate();
    assert!(greeter.wait().success());
    assert_eq!(greeter.output(), Vec::<String>::new());
}

#[test]
fn the_first_example_is_short() {
    let text = fs::read_to_string(workspace().join("examples/01_hello.rs")).unwrap();
    assert!(text.lines().count() <= 30);
}
