//! Clients by other authors. They need installed tools, so they are ignored by default; `bash
//! .ci/run` runs them.

use std::process::{Command, Output};

use micro_tests::{Program, World, workspace};

fn node(world: &World) -> (Program, String) {
    let mut node = Program::start(&mut world.command(env!("CARGO_BIN_EXE_node")));
    let line = node.line("address");
    let address = line.split(' ').next().unwrap().to_owned();
    (node, address)
}

pub(crate) fn output(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

#[test]
#[ignore = "needs Python with grpcio and grpcio-reflection, named by MICRO_TEST_PYTHON"]
fn needs_python_reflection_is_all_that_a_grpc_client_needs() {
    let python = std::env::var("MICRO_TEST_PYTHON").expect("MICRO_TEST_PYTHON names a Python");
    let world = World::new();
    let (_node, address) = node(&world);
    let script = workspace().join("tests/clients/reflect.py");
    let said = output(Command::new(python).arg(script).arg(&address));
    println!("{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("greeter.Greeter"), "{said}");
    for line in [
        "Hello(greeter.Ask) -> greeter.Answer",
        "Once(greeter.Ask) -> greeter.Answer",
        "  greeter.Ask: 1 name, 2 number, 3 wait",
        "  greeter.Answer: 1 greeting, 2 number, 3 process, 4 running",
        "reply: Hello Ada 18446744073709551615",
        // Serving: field 1, value 1.
        "health: 0801",
    ] {
        assert!(lines.contains(&line), "no `{line}` in\n{said}");
    }
    assert!(said.contains("too large: RESOURCE_EXHAUSTED"), "{said}");
    assert!(said.contains("unknown: UNIMPLEMENTED no method"), "{said}");
}

#[test]
#[ignore = "needs curl"]
fn needs_curl_and_nothing_else() {
    let world = World::new();
    let (node, address) = node(&world);
    let curl = |words: &[&str], path: &str| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20"]).args(words);
        output(command.arg(format!("http://{address}{path}")))
    };
    let json = ["-H", "content-type: application/json", "-d"];
    let hello = |words: &[&str]| {
        let words = [words, &json, &[r#"{"name":"Ada","number":7}"#]].concat();
        curl(&words, "/greeter.Greeter/Hello")
    };
    let wanted = format!(
        r#"{{"greeting":"Hello Ada","number":"7","process":{},"running":"0"}}"#,
        node.id()
    );
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let said = value(&hello(&[version]));
        for key in ["greeting", "number", "process"] {
            assert_eq!(said[key], value(&wanted)[key], "{version}: {said}");
        }
    }
    let refused = curl(&[&json[..], &["{]"]].concat(), "/greeter.Greeter/Hello");
    assert_eq!(value(&refused)["code"], "invalid_argument", "{refused}");
    assert!(curl(&[], "/").contains("greeter.Greeter"));
}
