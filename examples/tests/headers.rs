//! Runs every example as a separate program and compares its output with its header.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails, as it should"
)]

use std::fs;
use std::path::{Path, PathBuf};

use micro_tests::{Program, World, http, workspace};

/// Returns where Cargo puts the examples: beside the directory of this test.
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

/// Returns the output that an example's header promises: the text block after "Prints", or the text
/// in backticks.
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
    for name in [
        "01_hello",
        "03_wrap",
        "04_contract",
        "05_by_hand",
        "10_events",
        "11_queue",
        "06_streams",
        "08_errors",
        "12_streams",
    ] {
        let printed = run(&World::new(), name);
        assert_eq!(printed, promised(format!("{name}.rs")), "{name}");
    }
}

#[test]
fn the_example_from_a_proto_file_prints_what_it_says() {
    let printed = run(&World::new(), "07_from_proto");
    assert_eq!(printed, promised("07_from_proto/main.rs"));
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

/// Returns the `curl` lines of an example's header, each with its output.
fn curls(file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(workspace().join("examples").join(file)).unwrap();
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let mut found: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in lines.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        if let Some(curl) = line.strip_prefix("$ curl ") {
            found.push((curl.to_owned(), String::new()));
            within = true;
        } else if line == "```" {
            within = false;
        } else if let (true, Some((_, printed))) = (within, found.last_mut()) {
            printed.push_str(line);
            printed.push('\n');
        }
    }
    found
}

/// Sends the request of a `curl` command. Supports `-X`, `-d`, `-H`, `--json` and single quotes.
fn curl(arguments: &str, address: &str) -> String {
    let mut words = Vec::new();
    for (index, part) in arguments.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part);
        } else {
            words.extend(part.split_whitespace());
        }
    }
    let (mut method, mut body, mut headers, mut url) = ("GET", "", Vec::new(), "");
    let mut kind = "content-type: application/x-www-form-urlencoded";
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "-X" => method = words.next().unwrap(),
            "-d" => body = words.next().unwrap(),
            "--json" => {
                (body, kind) = (words.next().unwrap(), "content-type: application/json");
            }
            "-H" => kind = words.next().unwrap(),
            word => url = word,
        }
    }
    if !body.is_empty() {
        headers.push(kind);
        method = if method == "GET" { "POST" } else { method };
    }
    let target = url.strip_prefix("http://127.0.0.1:8080").unwrap();
    let request = format!("{method} {target}\n{}", headers.join("\n"));
    http(address, &request, body.as_bytes()).unwrap().body
}

#[test]
fn the_shop_answers_curl_as_its_header_says() {
    let world = World::new();
    let mut command = world.command(built("09_rest"));
    let mut shop = Program::start(command.env("MICRO_ADDRESS", "127.0.0.1:0"));
    let address = shop.line("address");
    let address = address.split_whitespace().next().unwrap();
    let curls = curls("09_rest.rs");
    assert_eq!(curls.len(), 12);
    // The page at `/` shows how to call a method of the shop, not one of the services that every
    // port serves.
    let page = http(address, "GET /\n", b"").unwrap().body;
    assert!(page.contains("/shop.Shop/Create\n"), "{page}");
    for (arguments, printed) in curls {
        let body = curl(&arguments, address);
        assert_eq!(body.trim_end(), printed.trim_end(), "curl {arguments}");
    }
    shop.terminate();
    assert!(shop.wait().success());
}

#[test]
fn the_pages_of_axum_answer_as_their_header_says() {
    let world = World::new();
    let mut command = world.command(built("15_axum"));
    let mut notes = Program::start(command.env("MICRO_ADDRESS", "127.0.0.1:0"));
    let address = notes.line("address");
    let address = address.split_whitespace().next().unwrap();
    let curls = curls("15_axum.rs");
    assert_eq!(curls.len(), 5);
    for (arguments, printed) in curls {
        let body = curl(&arguments, address);
        assert_eq!(body.trim_end(), printed.trim_end(), "curl {arguments}");
    }
    notes.terminate();
    assert!(notes.wait().success());
}

#[test]
fn every_example_stands_in_the_list() {
    let folder = workspace().join("examples");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let list = fs::read_to_string(folder.join("README.md")).unwrap();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let names = manifest.lines().filter_map(|line| value(line, "name = "));
    let paths = manifest.lines().filter_map(|line| value(line, "path = "));
    let examples: Vec<_> = names.skip(1).zip(paths).collect();
    assert!(examples.len() >= 12, "{examples:?}");
    for (name, path) in examples {
        assert!(list.contains(&format!("[`{name}`]({path})")), "{name}");
    }
}

#[test]
fn the_first_example_is_short() {
    let text = fs::read_to_string(workspace().join("examples/01_hello.rs")).unwrap();
    assert!(text.lines().count() <= 30);
}

#[test]
fn a_stream_outlives_its_program() {
    let world = World::new();
    let first = run(&world, "12_streams");
    let second = run(&world, "12_streams");
    assert_eq!(second[..2], first[..2], "only the new orders are packed");
    assert_eq!(second.last().unwrap(), "6 orders so far, 0 to be packed");
}
