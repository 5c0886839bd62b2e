//! Floods of frames, and contradictory requests: the server limits their cost and serves other
//! clients meanwhile.
//!
//! The HTTP/2 frames are written by hand because client libraries do not send them.

use tokio::net::TcpSocket;

use super::*;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// The preface and settings of a connection. With a `window` of 0 the server cannot send response
/// bodies.
fn preface(window: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let settings = [&[0, 4], &window.to_be_bytes()[..]].concat();
    put((4, 0, 0), &settings, &mut bytes);
    bytes
}

/// Appends a frame with the given type, flags and stream.
fn put((kind, flags, stream): (u8, u8, u32), payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The header block of a gRPC request, without the dynamic table or Huffman coding.
fn head(path: &str) -> Vec<u8> {
    let mut head = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    head.extend_from_slice(path.as_bytes());
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        field(name, value, &mut head);
    }
    head
}

fn field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        out.push(u8::try_from(text.len()).unwrap());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes `bytes` again and again while it reads and discards. Stops after `most` bytes. Returns
/// the number of bytes written before the server closed the connection.
async fn flood(tcp: TcpStream, bytes: &[u8], most: usize) -> usize {
    let (mut reading, mut writing) = tcp.into_split();
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(1..) = reading.read(&mut buffer).await {}
    });
    let mut taken = 0;
    within(async {
        while taken < most && writing.write_all(bytes).await.is_ok() {
            taken += bytes.len();
        }
    })
    .await;
    reader.abort();
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_reset_at_once_leave_nothing_and_hold_nobody_up() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let (mut bytes, call) = (preface(1 << 16), head("/test.Test/Wait"));
    let calls = 10_000;
    for number in 0..calls {
        let stream = 2 * number + 1;
        put((HEADERS, END_HEADERS, stream), &call, &mut bytes);
        put((0, END_STREAM, stream), &text("60000"), &mut bytes);
        put((RST_STREAM, 0, stream), &CANCEL, &mut bytes);
    }
    let mut tcp = served.tcp().await;
    let (mut reading, mut writing) = tcp.split();
    let sending = async {
        // The server may close the connection.
        let whole = writing.write_all(&bytes).await;
        whole.and(writing.shutdown().await).is_ok()
    };
    let hearing = async {
        let mut all = Vec::new();
        // The server may also close the connection by a reset.
        drop(reading.read_to_end(&mut all).await);
    };
    let calling = async {
        for _ in 0..50 {
            assert_eq!(grpc.echo("still here").await, "still here");
        }
    };
    Box::pin(within(async { tokio::join!(sending, hearing, calling) })).await;
    until(|| {
        let (started, dropped) = served.test.counts();
        started == dropped && started <= calls as usize
    })
    .await;
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test]
async fn heads_without_an_end_are_cut_off() {
    let served = Served::new().await;
    let mut long = Vec::new();
    for _ in 0..150 {
        field("x", &"y".repeat(100), &mut long);
    }
    for piece in [&long[..], &[]] {
        let mut first = preface(1 << 16);
        put((HEADERS, 0, 1), &head("/test.Test/Echo"), &mut first);
        // A small send buffer: the bytes that were written have left this client.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(1 << 16).unwrap();
        let mut tcp = socket
            .connect(served.running.local_address())
            .await
            .unwrap();
        tcp.write_all(&first).await.unwrap();
        let (mut more, most) = (Vec::new(), 2 << 20);
        for _ in 0..10 {
            put((CONTINUATION, 0, 1), piece, &mut more);
        }
        let taken = flood(tcp, &more, most).await;
        assert!(taken < most, "{taken} bytes of a head without an end");
    }
    assert_eq!(served.grpc().await.echo("still here").await, "still here");
}

/// The server has to acknowledge each ping, but the client does not read.
#[tokio::test]
async fn pings_whose_answers_nobody_reads_end_the_connection() {
    let served = Served::with(|config| {
        config.limits.stall_timeout = Duration::from_millis(100);
    })
    .await;
    let mut tcp = served.tcp().await;
    tcp.write_all(&preface(1 << 16)).await.unwrap();
    let mut pings = Vec::new();
    for _ in 0..1000 {
        put((PING, 0, 0), &[7; 8], &mut pings);
    }
    within(async { while tcp.write_all(&pings).await.is_ok() {} }).await;
    assert_eq!(served.grpc().await.echo("still here").await, "still here");
}

#[tokio::test]
async fn peer_that_never_opens_its_window_holds_one_piece_of_a_stream() {
    let served = Served::new().await;
    let mut bytes = preface(0);
    put(
        (HEADERS, END_HEADERS, 1),
        &head("/test.Test/Flood"),
        &mut bytes,
    );
    put((0, END_STREAM, 1), &text("on"), &mut bytes);
    // A window for the connection does not open the window of the stream.
    put(
        (WINDOW_UPDATE, 0, 0),
        &(1_u32 << 20).to_be_bytes(),
        &mut bytes,
    );
    let mut tcp = served.tcp().await;
    tcp.write_all(&bytes).await.unwrap();
    until(|| served.test.counts().0 == 1).await;
    let sent = || served.test.messages.load(Ordering::SeqCst);
    // The handler has begun a piece. While the server serves other calls, it has time to continue.
    until(|| sent() > 0).await;
    let others = served.grpc().await;
    let mut before = 0;
    while before != sent() {
        before = sent();
        for _ in 0..50 {
            assert_eq!(others.echo("meanwhile").await, "meanwhile");
        }
    }
    let ahead = before * service::DROP;
    assert!(ahead <= 3 * (16 << 10), "{ahead}");
    drop(tcp);
    until(|| served.test.counts() == (1, 1)).await;
}

#[tokio::test]
async fn windows_that_grow_beyond_all_bounds_break_the_protocol() {
    let served = Served::new().await;
    let mut bytes = preface(1 << 16);
    for _ in 0..2 {
        put(
            (WINDOW_UPDATE, 0, 0),
            &0x7fff_ffff_u32.to_be_bytes(),
            &mut bytes,
        );
    }
    let mut tcp = served.tcp().await;
    tcp.write_all(&bytes).await.unwrap();
    within(read_all(&mut tcp)).await;
    assert_eq!(served.grpc().await.echo("still here").await, "still here");
}

#[tokio::test]
async fn length_that_is_not_the_body_s_fails_the_call_alone() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let body = text("hello");
    for length in [0, body.len() - 1, body.len() + 1, 1 << 40] {
        let length = length.to_string();
        let request = request("/test.Test/Echo", &[("content-length", &length)]);
        let outcome = within(grpc.try_call(request, body.clone())).await;
        let good = outcome.is_ok_and(|answer| answer.trailers.contains_key("grpc-status"));
        assert!(!good, "content-length: {length}");
        assert_eq!(grpc.echo("still here").await, "still here");
    }
    // HTTP/1: two lengths, or a length together with chunks, allow request smuggling past proxies.
    for lengths in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: +4\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: gzip\r\n",
    ] {
        let request = format!(
            "POST /test.Test/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             {lengths}\r\n{{}}xxGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        let answer = served.raw(request.as_bytes()).await;
        assert!(!answer.contains(" 200 "), "{lengths}: {answer}");
    }
}

#[tokio::test]
async fn headers_that_contradict_each_other_are_refused_or_the_first_counts() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    for (headers, codes) in [
        (
            &[("grpc-timeout", "1H"), ("grpc-timeout", "1n")][..],
            &[0][..],
        ),
        (
            &[("grpc-encoding", "identity"), ("grpc-encoding", "snappy")],
            &[0],
        ),
        (
            &[
                ("content-type", "application/grpc"),
                ("content-type", "text/plain"),
            ],
            &[0],
        ),
        (&[("grpc-timeout", "")], &[3, 13]),
        (&[("grpc-timeout", "99999999999H")], &[3, 13]),
        (&[("grpc-timeout", "-1S")], &[3, 13]),
        (&[("grpc-timeout", "1é")], &[3, 13]),
    ] {
        let answer = grpc.call("/test.Test/Echo", headers, text("hello")).await;
        assert!(codes.contains(&answer.code()), "{headers:?}: {answer:?}");
    }
    assert_eq!(grpc.echo("still here").await, "still here");
}

/// The clients half-close the stream and wait for the response.
#[tokio::test]
async fn calls_that_end_before_their_message_are_answered() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    for (path, code) in [
        ("/test.Test/Echo", 12),
        ("/test.Test/Tell", 12),
        ("/test.Test/Join", 0),
        ("/test.Test/Chat", 0),
    ] {
        let answer = grpc.call(path, &[], Bytes::new()).await;
        assert_eq!(answer.code(), code, "{path}: {answer:?}");
        for cut in 1..text("hello").len() {
            let answer = grpc.call(path, &[], text("hello").slice(..cut)).await;
            assert_ne!(answer.code(), 0, "{path} {cut}: {answer:?}");
        }
    }
}
