//! `micro::run!(|app| …)`: a program that is configured in code has what `micro::run!()` gives.

use micro_tests::{Program, World};

fn start(world: &World, how: &str) -> Program {
    let mut command = world.command(env!("CARGO_BIN_EXE_configured"));
    Program::start(command.arg(how))
}

#[test]
fn every_form_of_function_gives_a_value_and_keeps_log_signals_and_exit_code() {
    for (how, pool) in [
        ("builder", "a closure"),
        ("result", "a result"),
        ("path", "a path"),
        ("async", "an async closure"),
        ("block", "a result"),
    ] {
        let world = World::new();
        let mut program = start(&world, how);
        assert_eq!(program.line("pool of"), pool);
        program.terminate();
        assert!(program.wait().success());
        assert!(program.output().contains(&"stop hook".to_owned()));
        let log = program.errors().join("\n");
        assert!(log.contains("micro-tests 0.1.0 is ready"), "{log}");
    }
}

#[test]
fn a_function_that_fails_is_reported_with_its_causes() {
    let world = World::new();
    let mut program = start(&world, "fails");
    assert_eq!(program.wait().code(), Some(1));
    let errors = program.errors();
    let expected = "error: cannot configure `micro-tests`: cannot open the database \
                    `/no/such/file`: No such file or directory (os error 2)";
    assert_eq!(
        errors.last().map(String::as_str),
        Some(expected),
        "{errors:?}"
    );
}

#[test]
fn a_function_that_waits_ends_with_the_first_signal() {
    let world = World::new();
    let mut program = start(&world, "waits");
    program.line("here");
    program.terminate();
    assert!(program.wait().success());
    assert!(!program.output().contains(&"stop hook".to_owned()));
}

#[test]
fn settings_of_the_environment_apply_to_a_program_that_is_configured_in_code() {
    let world = World::new();
    let mut command = world.command(env!("CARGO_BIN_EXE_configured"));
    let mut program = Program::start(command.arg("builder").env("MICRO_TTL", "soon"));
    assert_eq!(program.wait().code(), Some(1));
    let errors = program.errors().join("\n");
    assert!(errors.contains("`ttl` from"), "{errors}");
}
