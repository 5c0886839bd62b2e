//! micro in the official conformance suite of Connect, gRPC and gRPC-Web. `connectconformance`
//! starts `conformance server` and `conformance client` and communicates with them over standard
//! input and output. A third argument sets the compression of the server's responses.
//!
//! See `tests/conformance.sh`, which fetches and runs the suite.

mod client;
mod messages;
mod service;

use std::io::{self, Read, Write};

use micro::codec::Message;
use micro::prelude::*;

use crate::messages::{ServerCompatRequest, ServerCompatResponse};
use crate::service::ConformanceService;

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => serve().await,
        Some("client") => client::run().await,
        _ => Err(Error::invalid_argument(
            "say what to be: `conformance server` or `conformance client`",
        )),
    }
}

/// Serves until the runner stops the process.
async fn serve() -> Result<()> {
    let asked: ServerCompatRequest = read(&mut io::stdin())?
        .ok_or_else(|| Error::invalid_argument("nothing was asked on standard input"))?;
    if asked.use_tls {
        return Err(Error::unimplemented("this server does not support TLS"));
    }
    let mut builder = App::builder()
        .service(ConformanceService)
        .setting("registry", "memory://")
        .setting("address", "127.0.0.1:0");
    if let Some(way) = std::env::args().nth(2) {
        builder = builder
            .setting("compression", way)
            .setting("compression_min_size", "0");
    }
    if asked.message_receive_limit > 0 {
        builder = builder.setting(
            "limits.max_message_size",
            asked.message_receive_limit.to_string(),
        );
    }
    let mut running = builder.build().await?.start().await?;
    let address = running.address().expect("it listens");
    let answer = ServerCompatResponse {
        host: address.ip().to_string(),
        port: address.port().into(),
        pem_cert: bytes::Bytes::new(),
    };
    write(&mut io::stdout(), &answer)?;
    running.wait().await
}

/// Reads the next message of a stream of length-prefixed messages. `None` at its end.
fn read<M: Message>(from: &mut impl Read) -> Result<Option<M>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.or_internal("cannot read a message's length")?,
    }
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut bytes)
        .or_internal("cannot read a message")?;
    M::decode(&bytes.into(), 256 << 20).map(Some)
}

fn write(to: &mut impl Write, message: &impl Message) -> Result<()> {
    let mut bytes = vec![0; 4];
    message.encode(&mut bytes);
    let length = u32::try_from(bytes.len() - 4).or_internal("a message of 4 GiB")?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    to.write_all(&bytes)
        .and_then(|()| to.flush())
        .or_internal("cannot write a message")
}
