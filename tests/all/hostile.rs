//! Peers that are slow, silent, greedy or use an unknown protocol are refused or closed, while
//! other peers are served.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use micro_tests::{DEADLINE, Program, Response, World, http};
use rustix::process::{Resource, getrlimit, setrlimit};

const JSON: &str = "content-type: application/json";

/// Starts a node with a short timeout for request heads. Returns it and its address.
fn node(world: &World) -> (Program, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_node"));
    command.env("MICRO_LIMITS_HEADER_TIMEOUT", "1s");
    let mut node = Program::start(&mut command);
    let line = node.line("address");
    let address = line.split(' ').next().unwrap().to_owned();
    (node, address)
}

fn hello(address: &str) -> Response {
    let request = format!("POST /greeter.Greeter/Hello\n{JSON}");
    http(address, &request, br#"{"name":"Ada"}"#).unwrap()
}

/// Checks that the node still responds quickly.
fn greets(address: &str) {
    let start = Instant::now();
    let answer = hello(address);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("Hello Ada"), "{answer:?}");
    println!("answered beside them in {:?}", start.elapsed());
}

/// Reads until the server closes the connection. Returns what was read.
fn closed(mut stream: &TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("not closed: {error}, after {said:?}")
        }
        _ => said,
    }
}

#[test]
fn a_thousand_slow_and_half_open_connections_do_no_harm() {
    // Most shells limit open files to 1024; the machine allows more.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();

    let world = World::new();
    let (_node, address) = node(&world);
    let beginnings: [&[u8]; 5] = [
        b"",
        b"P",
        b"POST /greeter.Greeter/Hello HTTP/1.1\r\nhost: x\r\nx-slow: ",
        b"PRI * HTTP/2.0\r\n\r\n",
        // A whole preface, settings, and an incomplete head. This must be the last one.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x04\x01\0\0\0\0\x01\x82\x86",
    ];
    let mut connections = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .write_all(beginnings[number % beginnings.len()])
            .unwrap();
        connections.push(stream);
    }
    greets(&address);
    // HTTP/2 connections live until a ping stays unanswered, which takes a while.
    let last = beginnings.len() - 1;
    for stream in connections
        .iter()
        .enumerate()
        .filter(|(n, _)| n % beginnings.len() != last)
    {
        closed(stream.1);
    }
    greets(&address);
}

#[test]
fn what_is_no_protocol_is_refused() {
    let world = World::new();
    let (_node, address) = node(&world);
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    };
    let mut garbage: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        vec![0; 100_000],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
    ];
    for length in [1, 10, 100, 1000, 100_000] {
        garbage.push((0..length).map(|_| random()).collect());
    }
    for bytes in garbage {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        // The server may close the connection before it has received everything.
        if let Err(error) = stream.write_all(&bytes) {
            let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(gone.contains(&error.kind()), "{error}");
        }
        closed(&stream);
        greets(&address);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_with_the_limit() {
    let world = World::new();
    let (_node, address) = node(&world);
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(5 << 20));
    let request = format!("POST /greeter.Greeter/Hello\n{JSON}");
    let answer = http(&address, &request, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.contains("resource_exhausted"), "{answer:?}");
    assert!(
        answer.body.contains("4194304") || answer.body.contains("4 MiB"),
        "{answer:?}"
    );
    greets(&address);
}

#[test]
fn head_over_the_limit_is_refused() {
    let world = World::new();
    let (_node, address) = node(&world);
    let request = format!(
        "POST /greeter.Greeter/Hello\n{JSON}\nx-large: {}",
        "x".repeat(20 << 10)
    );
    let answer = http(&address, &request, br#"{"name":"Ada"}"#).unwrap();
    assert!([429, 431].contains(&answer.status), "{answer:?}");
    greets(&address);
}

#[test]
fn a_body_that_stops_halfway_holds_nobody_up() {
    let world = World::new();
    let (_node, address) = node(&world);
    let mut stalled = TcpStream::connect(&address).unwrap();
    let head = "POST /greeter.Greeter/Hello HTTP/1.1\r\nhost: x\r\n\
                content-type: application/json\r\nconnect-timeout-ms: 500\r\n\
                content-length: 100\r\n\r\n{\"name\":";
    stalled.write_all(head.as_bytes()).unwrap();
    greets(&address);
    let said = String::from_utf8_lossy(&closed(&stalled)).into_owned();
    assert!(said.contains("deadline_exceeded"), "{said}");
    let gone = TcpStream::connect(&address).unwrap();
    drop(gone);
    greets(&address);
}

#[test]
fn json_needs_nothing_but_http() {
    let world = World::new();
    let (_node, address) = node(&world);
    let answer = hello(&address);
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains(JSON), "{answer:?}");
    let pages = [("/", "greeter.Greeter"), ("/healthz", ""), ("/readyz", "")];
    for (path, holds) in pages {
        let page = http(&address, &format!("GET {path}"), b"").unwrap();
        assert_eq!(page.status, 200, "{path}: {page:?}");
        assert!(page.body.contains(holds), "{path}: {page:?}");
    }
    let unknown = http(
        &address,
        &format!("POST /greeter.Greeter/Bye\n{JSON}"),
        b"{}",
    )
    .unwrap();
    assert_eq!(unknown.status, 404, "{unknown:?}");
    assert!(unknown.body.contains("Hello"), "{unknown:?}");
}
