//! Tests of the helpers: a program's output is read, it is stopped, and it does not outlive its
//! test.

use std::path::Path;

use micro_tests::{Program, World, until};

fn shell(world: &World, script: &str) -> Program {
    Program::start(world.command("sh").arg("-c").arg(script))
}

#[test]
fn a_program_is_heard_and_stopped() {
    let world = World::new();
    let mut program = shell(
        &world,
        "trap 'echo bye; exit 3' TERM; echo \"  at $MICRO_REGISTRY\"; while :; do sleep 0.01; done",
    );
    assert_eq!(program.line("at"), world.registry());
    program.terminate();
    assert_eq!(program.wait().code(), Some(3));
    assert_eq!(program.output().last().map(String::as_str), Some("bye"));
}

#[test]
#[should_panic(expected = "ended without")]
fn a_program_that_ends_without_the_word_is_not_waited_for() {
    let mut program = shell(&World::new(), "echo no >&2");
    program.line("yes");
}

#[test]
fn nothing_outlives_its_test() {
    let world = World::new();
    let root = world.root().to_owned();
    let program = shell(&world, "echo on; exec sleep 1000");
    let process = format!("/proc/{}", program.id());
    drop(program);
    drop(world);
    until("the process to be gone", || {
        (!Path::new(&process).exists()).then_some(())
    });
    assert!(!root.exists());
}
