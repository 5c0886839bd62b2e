//! Hostile connections use a bounded amount of a server's memory, and so do large events of the
//! publisher's and the subscriber's, measured as the resident memory of separate processes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use micro_tests::{DEADLINE, Program, World, http, until};

const MIB: usize = 1 << 20;

/// Maximum growth of a server by one connection, in bytes.
const BOUND: usize = 64 * MIB;

/// An attack has finished when it has not progressed for this long.
const QUIET: Duration = Duration::from_millis(700);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATH: &str = "/greeter.Greeter/Hello";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A node, and its memory after the start.
struct Node {
    program: Program,
    address: String,
    before: usize,
}

impl Node {
    fn start(world: &World, settings: &[(&str, &str)]) -> Self {
        let mut command = world.command(env!("CARGO_BIN_EXE_node"));
        command.envs(settings.iter().copied());
        let mut program = Program::start(&mut command);
        let line = program.line("address");
        let address = line.split(' ').next().unwrap().to_owned();
        greets(&address);
        let before = resident(&program, "VmRSS:");
        Self {
            program,
            address,
            before,
        }
    }

    /// Maximum growth of the node's memory so far, in bytes.
    fn grown(&self) -> usize {
        resident(&self.program, "VmHWM:").saturating_sub(self.before)
    }

    #[track_caller]
    fn assert_grown_by_at_most(&self, bound: usize) {
        let grown = self.grown();
        println!("grown by {} MiB", grown / MIB);
        assert!(grown <= bound, "{} MiB", grown / MIB);
    }
}

/// Reads a size from the process's status in `/proc`, in bytes.
fn resident(program: &Program, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = found.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() << 10
}

fn greets(address: &str) {
    let head = format!("POST {PATH}\ncontent-type: application/json");
    let answer = http(address, &head, br#"{"name":"Ada"}"#).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The received state of an HTTP/2 connection.
#[derive(Debug, Default)]
struct Heard {
    /// Total flow-control window of the connection.
    window: i64,
    /// Additional window of each stream, beyond the initial one.
    more: BTreeMap<u32, i64>,
    first: i64,
    resets: Vec<u32>,
    /// Streams with a response.
    answered: BTreeSet<u32>,
    /// Streams whose response is an error: headers only.
    refused: BTreeSet<u32>,
    closed: bool,
}

/// Whether `bytes` contains `part`.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A hand-written HTTP/2 peer. It answers pings and sends no window updates.
struct Peer {
    stream: TcpStream,
    heard: Arc<Mutex<Heard>>,
    sent: BTreeMap<u32, i64>,
}

impl Peer {
    /// Connects. `window` is the flow-control window that the server has per stream.
    fn connect(address: &str, window: u32) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let mut hello = PREFACE.to_vec();
        let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
        hello.extend(frame(SETTINGS, 0, 0, &setting));
        hello.extend(frame(SETTINGS, 1, 0, &[]));
        stream.write_all(&hello).unwrap();
        let heard = Arc::new(Mutex::new(Heard {
            window: 65_535,
            ..Heard::default()
        }));
        let (reader, told) = (stream.try_clone().unwrap(), Arc::clone(&heard));
        thread::spawn(move || hear(reader, &told));
        let peer = Self {
            stream,
            heard,
            sent: BTreeMap::new(),
        };
        until("the server's settings", || {
            (peer.heard().first > 0).then_some(())
        });
        peer
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a frame. Returns whether that succeeded, because the server may have closed the
    /// connection.
    fn put(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    fn call(&mut self, stream: u32) -> bool {
        self.put(&frame(HEADERS, END_HEADERS, stream, &head()))
    }

    /// Sends as much of a stream as the windows allow, at most one frame. Returns the number of
    /// bytes.
    fn send(&mut self, stream: u32, body: &[u8], ends: bool) -> usize {
        let heard = self.heard();
        let own = heard.first + heard.more.get(&stream).copied().unwrap_or(0);
        let room = heard
            .window
            .min(own - self.sent.get(&stream).copied().unwrap_or(0));
        drop(heard);
        let room = usize::try_from(room).unwrap_or(0);
        let count = body.len().min(room).min(16 << 10);
        if count == 0 {
            return 0;
        }
        let flags = if ends && count == body.len() {
            END_STREAM
        } else {
            0
        };
        if !self.put(&frame(DATA, flags, stream, &body[..count])) {
            return 0;
        }
        let sent = i64::try_from(count).unwrap();
        self.heard().window -= sent;
        *self.sent.entry(stream).or_default() += sent;
        count
    }

    fn is_over(&self, stream: u32) -> bool {
        let heard = self.heard();
        heard.resets.contains(&stream) || heard.answered.contains(&stream)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The connection may already be closed. The reading thread ends with it.
        let _closed = self.stream.shutdown(Shutdown::Both);
    }
}

/// Reads from the server until it closes the connection.
fn hear(mut stream: TcpStream, told: &Mutex<Heard>) {
    let heard = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes(*head.last_chunk().unwrap());
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).is_err() {
            break;
        }
        let number = |at: usize| {
            let bytes = payload.get(at..at + 4).unwrap();
            i64::from(u32::from_be_bytes(bytes.try_into().unwrap()))
        };
        match kind {
            SETTINGS => {
                for at in (0..payload.len()).step_by(6) {
                    if payload[at..at + 2] == [0, 4] {
                        heard().first = number(at + 2);
                    }
                }
            }
            WINDOW_UPDATE if id == 0 => heard().window += number(0),
            WINDOW_UPDATE => *heard().more.entry(id).or_default() += number(0),
            RESET => heard().resets.push(id),
            HEADERS => {
                let mut heard = heard();
                if heard.answered.insert(id) && flags & END_STREAM != 0 {
                    heard.refused.insert(id);
                }
            }
            // Answer the server's pings, or it would close the connection.
            PING if flags == 0 && stream.write_all(&frame(PING, 1, 0, &payload)).is_err() => break,
            _ => {}
        }
    }
    heard().closed = true;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The request headers of a call, without compression.
fn head() -> Vec<u8> {
    let mut head = vec![0x83, 0x86, 0x04];
    let text = |text: &str, head: &mut Vec<u8>| {
        head.push(u8::try_from(text.len()).unwrap());
        head.extend(text.as_bytes());
    };
    text(PATH, &mut head);
    head.push(0x01);
    text("x", &mut head);
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        head.push(0);
        text(name, &mut head);
        text(value, &mut head);
    }
    head
}

/// A gRPC message with a text of this length, including its prefix.
fn message(length: usize) -> Vec<u8> {
    let mut message = vec![0x0a];
    let mut rest = length;
    while rest > 127 {
        message.push(u8::try_from(rest & 127).unwrap() | 128);
        rest >>= 7;
    }
    message.push(u8::try_from(rest).unwrap());
    message.resize(message.len() + length, b'x');
    let prefix = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &prefix, &message].concat()
}

/// Starts a message on each stream and sends all of it but its end, as far as the server accepts
/// it, or until the server has grown far too much.
fn half_sent(node: &Node, peer: &mut Peer, streams: u32) {
    let whole = message((4 << 20) - 100);
    let body = &whole[..whole.len() - 10];
    let mut left: Vec<(u32, usize)> = (0..streams).map(|number| (2 * number + 1, 0)).collect();
    for (stream, _) in &left {
        peer.call(*stream);
    }
    let mut last = Instant::now();
    while !left.is_empty() && last.elapsed() < QUIET && node.grown() < 4 * BOUND {
        let mut any = false;
        left.retain_mut(|(stream, at)| {
            let sent = peer.send(*stream, &body[*at..], false);
            *at += sent;
            any |= sent > 0;
            *at < body.len() && !peer.is_over(*stream)
        });
        if any {
            last = Instant::now();
        } else {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Makes echo calls with requests of a length, as far as the server accepts them.
fn echoes(node: &Node, peer: &mut Peer, calls: u32, length: usize) {
    let body = message(length);
    let mut last = Instant::now();
    for number in 0..calls {
        let (stream, mut at) = (2 * number + 1, 0);
        if !peer.call(stream) || node.grown() > 4 * BOUND {
            return;
        }
        while at < body.len() {
            let sent = peer.send(stream, &body[at..], true);
            at += sent;
            if sent > 0 {
                last = Instant::now();
            } else if last.elapsed() > QUIET || peer.heard().closed {
                return;
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[test]
fn half_sent_messages_of_one_connection_take_a_bounded_part_of_memory() {
    let world = World::new();
    let node = Node::start(&world, &[]);
    // As many as fit into the buffer or may wait for room.
    let mut peer = Peer::connect(&node.address, 1 << 20);
    half_sent(&node, &mut peer, 36);
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    assert!(peer.heard().answered.is_empty() && !peer.heard().closed);
    drop(peer);
    // Of many more, the rest is refused. HTTP/2 may close a connection that continues to send.
    let mut peer = Peer::connect(&node.address, 1 << 20);
    half_sent(&node, &mut peer, 1020);
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    let heard = peer.heard();
    assert!(heard.refused.len() > 900 || heard.closed, "{heard:?}");
}

/// A gRPC message with a text of this length, whose handler waits for some seconds.
fn slow_message(length: usize, seconds: u8) -> Vec<u8> {
    let mut message = message(length);
    message.extend([0x1a, 2, 0x08, seconds]);
    let prefix = u32::try_from(message.len() - 5).unwrap().to_be_bytes();
    message[1..5].copy_from_slice(&prefix);
    message
}

/// Sends whole requests, as far as the server accepts them. Returns how many it has accepted.
fn requests(node: &Node, peer: &mut Peer, calls: u32, body: &[u8]) -> u32 {
    for number in 0..calls {
        let (stream, mut at, mut last) = (2 * number + 1, 0, Instant::now());
        peer.call(stream);
        while at < body.len() {
            let sent = peer.send(stream, &body[at..], true);
            at += sent;
            if sent > 0 {
                last = Instant::now();
            } else if last.elapsed() > QUIET || node.grown() > 4 * BOUND {
                return number;
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    calls
}

#[test]
fn requests_whose_handlers_run_take_a_bounded_part_of_memory() {
    let world = World::new();
    let node = Node::start(&world, &[]);
    let mut peer = Peer::connect(&node.address, 1 << 20);
    // Large requests of a connection take 32 MiB while their handlers run, and 16 MiB before.
    let accepted = requests(&node, &mut peer, 64, &slow_message((4 << 20) - 100, 20));
    greets(&node.address);
    assert!((8..20).contains(&accepted), "{accepted}");
    node.assert_grown_by_at_most(BOUND + 32 * MIB);
    assert!(!peer.heard().closed);
}

#[test]
fn requests_that_wait_for_others_of_their_connection_are_handled_afterwards() {
    let world = World::new();
    let node = Node::start(&world, &[]);
    let mut peer = Peer::connect(&node.address, 1 << 20);
    // 31 of them have room. The responses of all fit into the send buffer.
    let accepted = requests(&node, &mut peer, 36, &slow_message(1 << 20, 2));
    assert_eq!(accepted, 36);
    until("all responses", || {
        (peer.heard().answered.len() == 36).then_some(())
    });
    let heard = peer.heard();
    assert!(
        heard.refused.is_empty() && heard.resets.is_empty(),
        "{heard:?}"
    );
}

#[test]
fn room_of_stalled_messages_goes_to_those_that_wait() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_STALL_TIMEOUT", "2s")];
    let node = Node::start(&world, &settings);
    let mut peer = Peer::connect(&node.address, 1 << 20);
    half_sent(&node, &mut peer, 16);
    // A message that arrives a few bytes at a time gets room after the others were given up.
    let (stream, body) = (2001, message((4 << 20) - 100));
    peer.call(stream);
    let mut at = 0;
    until("a message that finds room", || {
        at += peer.send(stream, &body[at..], true);
        peer.is_over(stream).then_some(())
    });
    let heard = peer.heard();
    assert!(heard.answered.contains(&stream) && !heard.refused.contains(&stream));
    assert_eq!(at, body.len());
}

#[test]
fn responses_that_a_peer_does_not_take_are_bounded_and_their_streams_reset() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_STALL_TIMEOUT", "2s")];
    let node = Node::start(&world, &settings);
    let mut peer = Peer::connect(&node.address, 0);
    echoes(&node, &mut peer, 1000, MIB);
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    until("streams that are reset", || {
        let heard = peer.heard();
        (heard.resets.len() > 10 || heard.closed).then_some(())
    });
    assert!(!peer.heard().closed, "the connection lives");
}

#[test]
fn peer_that_takes_the_beginning_of_each_response_is_closed() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_STALL_TIMEOUT", "2s")];
    let node = Node::start(&world, &settings);
    let mut peer = Peer::connect(&node.address, 10);
    echoes(&node, &mut peer, 1000, 200 << 10);
    node.assert_grown_by_at_most(BOUND);
    until("the end of the connection", || {
        peer.heard().closed.then_some(())
    });
    greets(&node.address);
}

#[test]
fn hostile_connections_share_what_the_server_holds_for_all() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_SERVER_RECEIVE_BUFFER", "32MiB")];
    let node = Node::start(&world, &settings);
    let mut peers: Vec<_> = (0..64)
        .map(|_| Peer::connect(&node.address, 1 << 20))
        .collect();
    for peer in &mut peers {
        half_sent(&node, peer, 8);
    }
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    let full = peers.iter().filter(|peer| !peer.heard().refused.is_empty());
    let count = full.count();
    assert!(count > peers.len() / 2, "{count}");
}

#[test]
fn hostile_connections_of_http1_share_it_as_well() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_SERVER_RECEIVE_BUFFER", "32MiB")];
    let node = Node::start(&world, &settings);
    let length = 4 << 20;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(&node.address).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The server may close refused connections in the meantime.
        if let Err(error) = stream.write_all(&vec![b' '; length - 10]) {
            let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(closed.contains(&error.kind()), "{error}");
        }
        stream.set_nonblocking(true).unwrap();
        open.push((stream, Vec::new()));
    }
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    until("refusals", || {
        for (stream, said) in &mut open {
            // No data or a closed connection is fine: the data read so far is checked.
            let _would_block = stream.read_to_end(said);
        }
        let full = open.iter().filter(|(_, said)| {
            said.starts_with(b"HTTP/1.1 503") && contains(said, b"limits.server_receive_buffer")
        });
        (full.count() > 32).then_some(())
    });
}

#[test]
fn responses_of_hostile_connections_share_what_the_server_sends_to_all() {
    let world = World::new();
    let settings = [("MICRO_LIMITS_SERVER_SEND_BUFFER", "16MiB")];
    let node = Node::start(&world, &settings);
    let mut peers: Vec<_> = (0..16).map(|_| Peer::connect(&node.address, 0)).collect();
    for peer in &mut peers {
        echoes(&node, peer, 8, MIB);
    }
    greets(&node.address);
    node.assert_grown_by_at_most(BOUND);
    let full = peers.iter().filter(|peer| !peer.heard().refused.is_empty());
    let count = full.count();
    assert!(count > peers.len() / 2, "{count}");
}

/// Lines of a program that begin with a word.
fn count(program: &Program, word: &str) -> usize {
    let output = program.output();
    output.iter().filter(|line| line.starts_with(word)).count()
}

#[test]
fn large_unhandled_events_take_a_bounded_part_of_memory() {
    const EVENTS: usize = 300;
    let world = World::new();
    let bin = env!("CARGO_BIN_EXE_big_events");
    let mut subscriber = Program::start(&mut world.command(bin));
    subscriber.line("address");
    let before = resident(&subscriber, "VmRSS:");
    let publisher = Program::start(world.command(bin).arg(EVENTS.to_string()));
    // The publisher waits as soon as the subscriber's inbox and the connection are full.
    let (mut last, mut published) = (Instant::now(), 0);
    while last.elapsed() < QUIET || published == 0 {
        assert!(last.elapsed() < DEADLINE, "{:?}", publisher.errors());
        let now = count(&publisher, "published ");
        if now > published {
            (last, published) = (Instant::now(), now);
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(published < EVENTS / 2, "{published} events wait somewhere");
    std::fs::write(world.root().join("open"), "").unwrap();
    until("all events are published", || {
        (count(&publisher, "all published") == 1).then_some(())
    });
    let handled = until("all events are handled", || {
        let output = subscriber.output();
        let handled = output.iter().filter(|line| line.starts_with("handled "));
        let handled: BTreeSet<_> = handled.cloned().collect();
        (handled.len() == EVENTS).then_some(handled)
    });
    assert!(handled.contains("handled 0 1048576"));
    let taken = resident(&subscriber, "VmHWM:").saturating_sub(before);
    let sent = resident(&publisher, "VmHWM:");
    println!(
        "subscriber {} MiB, publisher {} MiB",
        taken / MIB,
        sent / MIB
    );
    assert!(taken <= BOUND, "subscriber: {} MiB", taken / MIB);
    assert!(sent <= 2 * BOUND, "publisher: {} MiB", sent / MIB);
}
