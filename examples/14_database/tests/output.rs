//! Runs the program: what it prints, and how it reports a database that cannot be opened.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in a directory, with its registry and events in memory.
fn run(directory: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_database"));
    command
        .current_dir(directory)
        .env("MICRO_REGISTRY", "memory")
        .env("MICRO_EVENTS", "memory")
        .envs(variables.iter().copied());
    command.output().expect("the program runs")
}

fn directory(name: &str) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // The directory exists only if an earlier run has left it.
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).expect("a directory");
    path
}

#[test]
fn prints_what_its_header_says() {
    let header = include_str!("../src/main.rs");
    let printed: String = ["1 tea\n", "2 cake\n", "2 products\n"].concat();
    let promised = printed.lines().map(|line| format!("//! {line}\n"));
    assert!(header.contains(&promised.collect::<String>()));
    let output = run(&directory("prints"), &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), printed);
    assert!(errors.contains("database 0.1.0 is ready"), "{errors}");
}

#[test]
fn a_database_that_cannot_be_opened_is_reported_with_its_cause() {
    for variable in ["DATABASE", "REPORTS"] {
        let path = "/no/such/folder/shop.db";
        let output = run(&directory(variable), &[(variable, path)]);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().last().expect("an error");
        // The header of the program shows this line.
        let header = include_str!("../src/main.rs");
        assert!(header.contains(&format!("//! {last}\n")), "{last}");
    }
}
