//! Settings of whole programs: what they print, and where they listen.

use micro_tests::{Program, World};

#[test]
fn program_prints_all_settings_if_it_is_asked_to() {
    let world = World::new();
    let asked_by_variable = {
        let mut command = world.command(env!("CARGO_BIN_EXE_node"));
        command.env("MICRO_HELP", "1");
        command
    };
    // This program is started by `micro::run!(help)`.
    let asked_by_argument = {
        let mut command = world.command(env!("CARGO_BIN_EXE_taker"));
        command.arg("--help");
        command
    };
    for mut command in [asked_by_variable, asked_by_argument] {
        command.env("MICRO_TTL", "7s");
        let mut program = Program::start(&mut command);
        assert_eq!(program.wait().code(), Some(0), "{:?}", program.errors());
        let text = program.output().join("\n");
        assert!(text.contains("\nMICRO_LIMITS_MAX_STREAMS\n"), "{text}");
        assert!(text.contains("\n    7s ($MICRO_TTL)"), "{text}");
    }
}

#[test]
fn arguments_are_not_read_unless_the_program_asks_for_it() {
    let world = World::new();
    let mut command = world.command(env!("CARGO_BIN_EXE_node"));
    let mut program = Program::start(command.arg("--help"));
    assert!(program.line("address").contains("127.0.0.1:"));
}

#[test]
fn port_of_the_platform_is_shown_at_start_and_keeps_the_host_of_the_file() {
    let world = World::new();
    std::fs::write(world.root().join("micro.toml"), "address = \"127.0.0.1:9\"").unwrap();
    let mut command = world.command(env!("CARGO_BIN_EXE_node"));
    let mut program = Program::start(command.env("PORT", "0").env("MICRO_TTL", ""));
    let address = program.line("address");
    assert!(address.contains("127.0.0.1:"), "{address}");
    assert!(address.contains("$PORT"), "{address}");
}

#[test]
fn unknown_table_ends_the_program_with_its_line() {
    let world = World::new();
    let text = "ttl = \"15s\"\n\n[limts]\nmax_streams = 3\n";
    std::fs::write(world.root().join("micro.toml"), text).unwrap();
    let mut program = Program::start(&mut world.command(env!("CARGO_BIN_EXE_node")));
    assert_eq!(program.wait().code(), Some(1));
    let errors = program.errors().join("\n");
    let expected = "no table `[limts]` of settings (micro.toml:3); did you mean `[limits]`?";
    assert!(errors.contains(expected), "{errors}");
}
