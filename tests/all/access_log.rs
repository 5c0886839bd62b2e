//! The access log of `run!`: failures with their causes, or a line for every call and event.

use micro::client::Client;
use micro::handler::{Kind, MethodInfo};
use micro::prelude::*;
use micro_tests::{Program, Response, World, http, until};

/// The request of the program `failing`.
#[micro::message(package = "failing")]
struct Work {
    how: String,
}

#[micro::message(package = "failing")]
struct Done {
    text: String,
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The program, and the address of its port.
struct Failing {
    program: Program,
    address: String,
    _world: World,
}

impl Failing {
    fn start(settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let world = World::new();
        let mut command = world.command(env!("CARGO_BIN_EXE_failing"));
        command.envs(settings.iter().copied()).args(arguments);
        let mut program = Program::start(&mut command);
        let line = program.line("address");
        let address = line.split(' ').next().unwrap().to_owned();
        Self {
            program,
            address,
            _world: world,
        }
    }

    /// Calls a method by Connect.
    fn post(&self, path: &str, how: &str) -> Response {
        let request = format!(
            "POST {path}\ncontent-type: application/json\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01"
        );
        let body = format!("{{\"how\":\"{how}\"}}");
        http(&self.address, &request, body.as_bytes()).unwrap()
    }

    /// Calls the streaming method by gRPC. Returns the number of messages and the error.
    async fn stream(&self, how: &str) -> (usize, Option<Error>) {
        let method = MethodInfo::new("failing", "/failing.Failing/Stream").kind(Kind::ServerStream);
        let client = Client::builder().build();
        let work = Work {
            how: how.to_owned(),
        };
        let request = client.server_stream::<Done>(&method.into(), work);
        let mut messages = request.address(&self.address).await.unwrap();
        let mut count = 0;
        loop {
            match messages.next().await {
                Some(Ok(_)) => count += 1,
                Some(Err(error)) => return (count, Some(error)),
                None => return (count, None),
            }
        }
    }

    /// Waits for a line of the log that contains all of these.
    fn wait_for(&self, parts: &[&str]) {
        until(&format!("a line with {parts:?}"), || {
            let lines = self.program.errors();
            lines
                .iter()
                .any(|line| parts.iter().all(|part| line.contains(part)))
                .then_some(())
        });
    }

    /// Stops the program and returns its log.
    fn log(mut self) -> Vec<String> {
        self.program.terminate();
        assert!(self.program.wait().success());
        self.program.errors()
    }
}

/// Returns the lines of the access log.
fn access(log: &[String]) -> Vec<&String> {
    let lines = log.iter();
    lines
        .filter(|line| line.contains("micro::access"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_errors_are_logged_once_with_their_cause_that_callers_do_not_see() {
    let failing = Failing::start(&[], &[]);
    for (path, how) in [
        ("/failing.Failing/Once", "internal"),
        ("/failing.Failing/Once", "unknown"),
        ("/v1/work", "data_loss"),
        ("/failing.Failing/Once", "unavailable"),
        ("/failing.Failing/Once", "not_found"),
        ("/failing.Failing/Once", "ok"),
    ] {
        let body = failing.post(path, how).body;
        assert!(how == "ok" || body.contains("no luck"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }
    let (count, error) = failing.stream("internal").await;
    assert_eq!(count, 1);
    assert_eq!(error.unwrap().message(), "no luck with `internal`");
    let log = failing.log();
    let lines = access(&log);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    for (line, (level, outcome, rest)) in lines.iter().zip([
        ("ERROR", "internal", "protocol=\"connect\""),
        ("ERROR", "unknown", "method=\"Once\""),
        ("ERROR", "data_loss", "protocol=\"rest\""),
        ("WARN", "unavailable", "service=\"failing\""),
        ("ERROR", "internal", "method=\"Stream\" protocol=\"grpc\""),
    ]) {
        for part in [
            level,
            rest,
            "peer=127.0.0.1:",
            &format!("outcome=\"{outcome}\""),
            "duration=",
            &format!("no luck with `{outcome}`: secret of the table: secret of the disk"),
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let has_trace = line.contains(&format!("trace_id=\"{TRACE}\""));
        assert_eq!(has_trace, !line.contains("grpc"), "{line}");
    }
}

#[test]
fn a_panic_is_not_logged_by_the_access_log_as_well() {
    let failing = Failing::start(&[], &[]);
    let body = failing.post("/failing.Failing/Once", "panic").body;
    assert!(!body.contains("secret"), "{body}");
    let log = failing.log();
    assert_eq!(access(&log).len(), 0, "{log:#?}");
    let count = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("secret of the panic"), 1, "{log:#?}");
    assert_eq!(count("handler panicked"), 1, "{log:#?}");
}

#[test]
fn failures_of_subscribers_are_logged_with_their_topic() {
    let data = ("MICRO_EVENTS", "memory");
    let failing = Failing::start(&[data], &[]);
    for method in ["Publish", "Store"] {
        let path = format!("/failing.Failing/{method}");
        let reply = failing.post(&path, "internal");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    failing.wait_for(&["micro::access", "failing.work"]);
    failing.wait_for(&["micro::access", "failing.stored"]);
    let log = failing.log();
    let lines = access(&log);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (topic, method) in [
        ("failing.work", "handle_work"),
        ("failing.stored", "handle_stored"),
    ] {
        let line = lines.iter().find(|line| line.contains(topic)).unwrap();
        for part in [
            "ERROR",
            "event failed",
            method,
            "attempt=1",
            "secret of the table: secret of the disk",
            TRACE,
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[test]
fn the_wrap_log_and_the_access_log_do_not_log_the_same_error() {
    let failing = Failing::start(&[], &["log"]);
    failing.post("/failing.Failing/Once", "internal");
    let log = failing.log();
    let lines: Vec<_> = log
        .iter()
        .filter(|line| line.contains("secret of"))
        .collect();
    assert_eq!(lines.len(), 1, "{log:#?}");
    for part in ["ERROR", "micro_core::wrap::log", "peer=127.0.0.1:", TRACE] {
        assert!(lines[0].contains(part), "{part}: {lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_access_log_has_one_line_for_every_call_and_event() {
    let settings = [("MICRO_ACCESS_LOG", "all"), ("MICRO_EVENTS", "memory")];
    let failing = Failing::start(&settings, &[]);
    failing.post("/failing.Failing/Once", "ok");
    failing.post("/v1/work", "not_found");
    failing.post("/failing.Failing/Once", "internal");
    assert_eq!(failing.stream("ok").await.0, 2);
    failing.stream("internal").await;
    failing.post("/failing.Failing/Publish", "ok");
    // Nothing waits in a block for longer than a moment.
    failing.wait_for(&["micro::access", "event", "failing.work"]);
    let log = failing.log();
    let lines = access(&log);
    assert_eq!(lines.len(), 7, "{lines:#?}");
    let trace = format!("trace_id=\"{TRACE}\"");
    let line = |parts: &[&str]| {
        let found: Vec<_> = lines
            .iter()
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .collect();
        assert_eq!(found.len(), 1, "{parts:?}: {lines:#?}");
    };
    line(&[
        " INFO ",
        "call service=\"failing\" method=\"Once\" protocol=\"connect\" peer=127.0.0.1:",
        "outcome=\"ok\" duration=",
        "request_bytes=12 response_bytes=13",
        &trace,
    ]);
    line(&[
        " INFO ",
        "call failed",
        "protocol=\"rest\"",
        "outcome=\"not_found\"",
        "no luck with `not_found`",
    ]);
    line(&[
        "ERROR",
        "call failed",
        "protocol=\"connect\"",
        "secret of the disk",
    ]);
    line(&[
        " INFO ",
        "method=\"Stream\" protocol=\"grpc\"",
        "outcome=\"ok\"",
        "request_bytes=9 response_bytes=18 responses=2",
    ]);
    line(&[
        "ERROR",
        "method=\"Stream\" protocol=\"grpc\"",
        "outcome=\"internal\"",
        "response_bytes=9 responses=1",
        "secret of the disk",
    ]);
    line(&["call service", "method=\"Publish\"", "outcome=\"ok\""]);
    line(&[
        "event method=\"handle_work\" topic=\"failing.work\"",
        "protocol=\"event\" outcome=\"ok\"",
        "request_bytes=4",
        &trace,
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_leaves_is_logged_as_cancelled() {
    let failing = Failing::start(&[("MICRO_ACCESS_LOG", "all")], &[]);
    let method = MethodInfo::new("failing", "/failing.Failing/Stream").kind(Kind::ServerStream);
    let client = Client::builder().build();
    let how = "wait".to_owned();
    let request = client.server_stream::<Done>(&method.into(), Work { how });
    let mut messages = request.address(&failing.address).await.unwrap();
    messages.next().await.unwrap().unwrap();
    drop(messages);
    failing.wait_for(&["micro::access", "outcome=\"canceled\"", "responses=1"]);
}

#[test]
fn an_access_log_that_is_off_has_no_lines() {
    let failing = Failing::start(&[("MICRO_ACCESS_LOG", "off")], &[]);
    let body = failing.post("/failing.Failing/Once", "internal").body;
    assert!(body.contains("no luck"), "{body}");
    let log = failing.log();
    assert_eq!(access(&log).len(), 0, "{log:#?}");
}

#[tokio::test]
async fn an_unknown_access_log_is_refused() {
    let app = App::builder().setting("access_log", "verbose").in_process();
    let error = app.build().await.unwrap_err().to_string();
    let expected = "setting `access_log` from builder: `verbose` is not `errors`, `all` or `off`";
    assert_eq!(error, expected);
}
