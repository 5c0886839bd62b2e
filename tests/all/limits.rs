//! The guide's table of limits lists the defaults of the code.

use std::time::Duration;

use micro::{app, broker, client, events, server};
use micro_tests::workspace;

fn bytes(count: usize) -> String {
    if count.is_multiple_of(1 << 20) {
        format!("{} MiB", count >> 20)
    } else {
        format!("{} KiB", count >> 10)
    }
}

fn number(count: usize) -> String {
    let (thousands, rest) = (count / 1000, count % 1000);
    if thousands == 0 {
        rest.to_string()
    } else {
        format!("{thousands},{rest:03}")
    }
}

fn seconds(length: Duration) -> String {
    format!("{} s", length.as_secs())
}

/// The beginning of each row, and its default.
fn rows() -> Vec<(&'static str, String)> {
    let (server, client) = (server::Limits::default(), client::Config::default());
    let (subscriber, stream) = (broker::Options::default(), events::Options::default());
    let two = |one: String, other: String| format!("{one}; {other}");
    let counts =
        |one: usize, time, retries: u32| format!("{}; {}; {retries}", number(one), seconds(time));
    let drain = app::Key::find("drain_timeout").expect("a setting").default;
    vec![
        ("size of a received message", bytes(server.max_message_size)),
        ("size of a received message", bytes(client.max_message_size)),
        ("memory that decoding", bytes(4 * server.max_message_size)),
        ("size of the metadata", bytes(server.max_metadata_size)),
        ("size of the metadata", bytes(client.max_metadata_size)),
        (
            "size of an HTTP/1 request",
            two(
                bytes(server.max_metadata_size + (16 << 10)),
                bytes(4 * server.max_metadata_size),
            ),
        ),
        ("concurrent calls", number(server.max_streams as usize)),
        ("connections of a server", number(server.max_connections)),
        (
            "half-received messages",
            two(
                bytes(server.connection_receive_buffer),
                bytes(server.server_receive_buffer),
            ),
        ),
        (
            "responses that a connection",
            two(
                bytes(server.connection_send_buffer),
                bytes(server.server_send_buffer),
            ),
        ),
        ("connections of a client", number(client.max_connections)),
        ("calls that wait", number(client.max_queued_calls)),
        (
            "bytes buffered on a client",
            two(bytes(client.stream_window), bytes(client.connection_window)),
        ),
        ("half-received replies", bytes(client.receive_buffer)),
        (
            "bytes of events that wait",
            bytes(subscriber.capacity_bytes),
        ),
        (
            "records that a group",
            two(number(stream.window), bytes(stream.window_bytes)),
        ),
        ("time of a unary call", seconds(client.timeout)),
        ("time to send a request", seconds(server.header_timeout)),
        (
            "time between two requests of HTTP/1",
            seconds(server.http1_keep_alive_timeout),
        ),
        ("time without progress", seconds(server.stall_timeout)),
        (
            "interval between a server",
            two(
                seconds(server.keep_alive_interval),
                seconds(server.keep_alive_timeout),
            ),
        ),
        (
            "interval between a client",
            two(
                seconds(client.keep_alive_interval),
                seconds(client.keep_alive_timeout),
            ),
        ),
        ("time to connect", seconds(client.connect_timeout)),
        (
            "attempts per call",
            two(
                client.max_attempts.to_string(),
                client.retry_percent.to_string(),
            ),
        ),
        ("time for running calls", drain.replace('s', " s")),
        (
            "events waiting",
            counts(subscriber.capacity, subscriber.timeout, subscriber.retries),
        ),
        (
            "deliveries of the durable log",
            counts(stream.in_flight, stream.ack_wait, stream.retries),
        ),
    ]
}

#[test]
fn the_guide_has_the_defaults_of_the_code() {
    assert_eq!(server::Limits::default().stream_idle_timeout, None);
    let page = workspace().join("docs").join("production.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (begin, default) in rows() {
        let start = format!("| {begin}");
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row `{begin}`"));
        assert_eq!(row.split(" | ").nth(1), Some(&*default), "{row}");
    }
}

/// A setting's default equals the default in the code.
#[test]
fn settings_have_the_defaults_of_the_code() {
    let limits = server::Limits::default();
    let bytes = |count: usize| bytes(count).replace(' ', "");
    for (name, default) in [
        ("limits.max_message_size", bytes(limits.max_message_size)),
        ("limits.max_metadata_size", bytes(limits.max_metadata_size)),
        (
            "limits.connection_receive_buffer",
            bytes(limits.connection_receive_buffer),
        ),
        (
            "limits.connection_send_buffer",
            bytes(limits.connection_send_buffer),
        ),
        (
            "limits.server_receive_buffer",
            bytes(limits.server_receive_buffer),
        ),
        (
            "limits.server_send_buffer",
            bytes(limits.server_send_buffer),
        ),
        ("limits.max_streams", limits.max_streams.to_string()),
        ("limits.max_connections", limits.max_connections.to_string()),
        (
            "limits.header_timeout",
            seconds(limits.header_timeout).replace(' ', ""),
        ),
        (
            "limits.http1_keep_alive_timeout",
            seconds(limits.http1_keep_alive_timeout).replace(' ', ""),
        ),
        (
            "timeout",
            seconds(client::Config::default().timeout).replace(' ', ""),
        ),
    ] {
        let key = app::Key::find(name).expect("a setting");
        assert_eq!(key.default, default, "{name}");
    }
}
