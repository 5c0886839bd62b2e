//! The load generator: callers on raw HTTP/2, each with one call in flight. Every response is
//! checked.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use tokio::net::TcpStream;

use crate::options::Options;
use micro_benches::cpu_seconds;

/// Size of the message's only field, in bytes.
const PAYLOAD: usize = 100;

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const DONE: u8 = 2;

/// Calls a server according to the options. Prints one line of numbers.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    // Use threads on all cores: one core of callers is slower than a server on the other.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let line = measure(options).await?;
        println!("{line}");
        Ok(())
    })
}

async fn measure(options: &Options) -> io::Result<String> {
    let shape = options.shapes[0];
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut callers = Vec::new();
    for connection in 0..shape.connections {
        let sender = connect(options.run.port).await?;
        // Distribute the callers over the connections in turn.
        for _ in (connection..shape.callers).step_by(shape.connections) {
            callers.push(tokio::spawn(caller(sender.clone(), Arc::clone(&phase))));
        }
    }
    tokio::time::sleep(Duration::from_secs_f64(options.run.warm)).await;
    let before = cpu_seconds(options.run.server)?;
    let start = Instant::now();
    phase.store(MEASURING, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs_f64(options.run.seconds)).await;
    phase.store(DONE, Ordering::Relaxed);
    let seconds = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds(options.run.server)? - before;
    let mut nanos = Vec::new();
    for caller in callers {
        nanos.extend(caller.await.map_err(io::Error::other)??);
    }
    Ok(line(nanos, seconds, cpu))
}

/// Returns `calls per second, p50 in µs, p99 in µs, server CPU per call in µs`.
#[expect(clippy::cast_precision_loss, reason = "fewer calls than 2^52")]
fn line(mut nanos: Vec<u64>, seconds: f64, cpu: f64) -> String {
    nanos.sort_unstable();
    let calls = nanos.len().max(1);
    let at = |percent: usize| nanos.get(calls * percent / 100).copied().unwrap_or(0) as f64;
    format!(
        "{:.1} {:.1} {:.1} {:.3}",
        nanos.len() as f64 / seconds,
        at(50) / 1e3,
        at(99) / 1e3,
        cpu * 1e6 / calls as f64,
    )
}

async fn connect(port: u16) -> io::Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    // Runs until the process ends.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("connection lost: {error}");
        }
    });
    Ok(sender)
}

/// Calls until the phase ends. Returns the durations of the measured calls.
async fn caller(mut sender: SendRequest<Bytes>, phase: Arc<AtomicU8>) -> io::Result<Vec<u64>> {
    let mut nanos = Vec::new();
    let mut number = 0_u64;
    loop {
        number += 1;
        let frame = frame(number);
        let start = Instant::now();
        let answer = call(&mut sender, frame.clone()).await?;
        let took = start.elapsed();
        if answer != frame {
            return Err(io::Error::other("the answer is not the request"));
        }
        match phase.load(Ordering::Relaxed) {
            WARMING => {}
            MEASURING => nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            _ => return Ok(nanos),
        }
    }
}

/// A gRPC frame of a message with one bytes field, which begins with the number.
fn frame(number: u64) -> Bytes {
    let mut frame = BytesMut::with_capacity(PAYLOAD + 7);
    let length = u8::try_from(PAYLOAD).expect("a short payload");
    frame.put_u8(0);
    frame.put_u32(u32::from(length) + 2);
    frame.put_u8(1 << 3 | 2);
    frame.put_u8(length);
    frame.put_u64(number);
    frame.put_bytes(b'x', PAYLOAD - 8);
    frame.freeze()
}

async fn call(sender: &mut SendRequest<Bytes>, frame: Bytes) -> io::Result<Bytes> {
    let request = http::Request::post("http://localhost/echo.Echo/Echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(io::Error::other)?;
    std::future::poll_fn(|cx| sender.poll_ready(cx))
        .await
        .map_err(io::Error::other)?;
    let (response, mut body) = sender
        .send_request(request, false)
        .map_err(io::Error::other)?;
    body.send_data(frame, true).map_err(io::Error::other)?;
    let response = response.await.map_err(io::Error::other)?;
    let (head, mut body) = response.into_parts();
    let mut answer = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(io::Error::other)?;
        body.flow_control()
            .release_capacity(data.len())
            .map_err(io::Error::other)?;
        answer.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.map_err(io::Error::other)?;
    let trailers = trailers.unwrap_or(head.headers);
    match trailers.get("grpc-status") {
        Some(status) if status == "0" => Ok(answer.freeze()),
        status => Err(io::Error::other(format!("answered with status {status:?}"))),
    }
}
