//! Every kind of call between micro and other implementations: their clients with micro's server,
//! and micro's client with their servers.
//!
//! They need installed tools, so they are ignored by default; `bash .ci/run` runs them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use micro::client::Client;
use micro::prelude::*;
use micro_tests::{DEADLINE, KindsClient, Number, Program, World, until_async, workspace};

use crate::clients::output;

/// Path of a program that CI has built, from the environment.
fn tool(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} names what `.ci/run` has prepared"))
}

/// Starts micro's server. Also returns the file with its descriptors, read by Python through
/// reflection.
fn serve(world: &World) -> (Program, String, PathBuf) {
    let mut kinds = Program::start(&mut world.command(env!("CARGO_BIN_EXE_kinds")));
    let line = kinds.line("address");
    let address = line.split(' ').next().unwrap().to_owned();
    let set = world.root().join("set.bin");
    let said = output(
        Command::new(tool("MICRO_TEST_PYTHON"))
            .arg(workspace().join("tests/clients/kinds_client.py"))
            .args([&address, set.to_str().unwrap()]),
    );
    println!("{}", said.trim());
    assert!(said.starts_with("python client: "), "{said}");
    (kinds, address, set)
}

/// The memory that an unbounded buffer would keep.
#[test]
fn an_endless_stream_over_http_1_is_sent_as_it_is_made() {
    let world = World::new();
    let mut kinds = Program::start(&mut world.command(env!("CARGO_BIN_EXE_kinds")));
    let line = kinds.line("address");
    let mut stream = TcpStream::connect(line.split(' ').next().unwrap()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let message = br#"{"value":"-1"}"#;
    let head = format!(
        "POST /kinds.Kinds/Count HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+json\r\n\
         content-length: {}\r\n\r\n",
        5 + message.len()
    );
    let length = u8::try_from(message.len()).unwrap();
    let request = [head.as_bytes(), &[0, 0, 0, 0, length], message].concat();
    stream.write_all(&request).unwrap();
    stream.read_exact(&mut vec![0; 1 << 20]).unwrap();
}

#[test]
#[ignore = "needs Python with grpcio"]
fn needs_python_for_every_kind_of_call() {
    serve(&World::new());
}

#[test]
#[ignore = "needs Python with grpcio, and the Go program of tests/clients/go"]
fn needs_go_for_every_kind_of_call() {
    let world = World::new();
    let (_kinds, address, set) = serve(&world);
    for role in ["grpc-client", "connect-client"] {
        let words = [role, &address, set.to_str().unwrap()];
        println!(
            "{}",
            output(Command::new(tool("MICRO_TEST_GO_KINDS")).args(words)).trim()
        );
    }
}

#[test]
#[ignore = "needs Python with grpcio, and Node with the packages of tests/clients/node"]
fn needs_node_for_every_kind_of_call() {
    let world = World::new();
    let (_kinds, address, set) = serve(&world);
    let words = [
        &tool("MICRO_TEST_NODE_KINDS"),
        &address,
        set.to_str().unwrap(),
    ];
    println!("{}", output(Command::new("node").args(words)).trim());
}

#[tokio::test]
#[ignore = "needs Python with grpcio, and the Go program of tests/clients/go"]
async fn needs_python_and_go_as_servers_of_every_kind_of_call() {
    let world = World::new();
    let (_kinds, own, set) = serve(&world);
    let script = workspace().join("tests/clients/kinds_server.py");
    let mut python = Program::start(
        Command::new(tool("MICRO_TEST_PYTHON"))
            .arg(script)
            .arg(&set),
    );
    let go = tool("MICRO_TEST_GO_KINDS");
    let mut go = Program::start(Command::new(go).arg("grpc-server").arg(&set));
    let client = Client::builder().build();
    for address in [own, python.line("listening"), go.line("listening")] {
        Calls {
            kinds: KindsClient::new(client.clone()),
            address,
        }
        .all()
        .await
        .unwrap();
    }
    client.close().await;
}

/// The client's calls to one server.
struct Calls {
    kinds: KindsClient,
    address: String,
}

fn numbers(values: impl IntoIterator<Item = i64, IntoIter: Send + 'static>) -> Streaming<Number> {
    let mut values = values.into_iter();
    Streaming::make(|out| async move {
        for value in values.by_ref() {
            out.send(Number::new(value)).await?;
        }
        Ok(())
    })
}

/// Returns all values of a stream and the error that ends it.
async fn read(stream: &mut Streaming<Number>) -> (Vec<i64>, Option<Error>) {
    let mut values = Vec::new();
    while let Some(next) = stream.next().await {
        match next {
            Ok(number) => values.push(number.value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

impl Calls {
    async fn all(&self) -> Result<()> {
        self.one().await?;
        self.streams().await?;
        self.conversation().await?;
        self.errors().await?;
        self.giving_up().await
    }

    async fn one(&self) -> Result<()> {
        let number = Number {
            value: 21,
            note: "ä".to_owned(),
        };
        let call = self.kinds.double(number).address(&self.address);
        let reply = call
            .metadata("x-echo", "here")
            .timeout(secs(20))
            .send()
            .await?;
        assert_eq!((reply.message.value, &*reply.message.note), (42, "ä"));
        assert_eq!(reply.metadata.get("x-echo"), Some("here"));
        assert_eq!(reply.trailers.get("x-after"), Some("double"));
        Ok(())
    }

    async fn streams(&self) -> Result<()> {
        for most in [0, 1, 1000] {
            let counted = self.kinds.count(Number::new(most)).address(&self.address);
            let (values, error) = read(&mut counted.timeout(secs(20)).await?).await;
            assert!(error.is_none(), "{error:?}");
            assert!(values.into_iter().eq(1..=most));
        }
        let sum = self.kinds.sum(numbers(1..=500)).address(&self.address);
        let sum = sum.timeout(secs(20)).await?;
        assert_eq!((sum.value, &*sum.note), (125_250, "500 numbers"));
        let nothing = self.kinds.sum(numbers([])).address(&self.address);
        assert_eq!(nothing.timeout(secs(20)).await?.value, 0);
        Ok(())
    }

    /// One at a time: the next number is sent after the previous sum was received.
    async fn conversation(&self) -> Result<()> {
        let (sender, input) = Streaming::channel(1);
        let sums = self.kinds.sums(input).address(&self.address);
        let mut sums = sums.timeout(secs(20)).await?;
        let mut sum = 0;
        for value in 1..=50 {
            sender.send(Number::new(value)).await?;
            sum += value;
            assert_eq!(sums.next().await.transpose()?.map(|n| n.value), Some(sum));
        }
        drop(sender);
        assert!(sums.next().await.is_none());
        assert_eq!(
            sums.trailers().and_then(|after| after.get("x-after")),
            Some("sums")
        );
        Ok(())
    }

    async fn errors(&self) -> Result<()> {
        let sums = self.kinds.sums(numbers([1, 2, -3])).address(&self.address);
        let (values, error) = read(&mut sums.timeout(secs(20)).await?).await;
        let error = error.expect("a negative number must fail");
        assert_eq!((values, error.kind()), (vec![1, 3], ErrorKind::OutOfRange));
        assert_eq!(error.message(), "-3 is negative");
        for &kind in ErrorKind::ALL {
            let number = Number::new(kind.grpc_code().into());
            let call = self.kinds.fail(number).address(&self.address);
            let error = call.timeout(secs(20)).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.message().contains("asked to fail: ä %"), "{error:?}");
            assert_eq!(error.details()[0].name, "kinds.Number");
        }
        let late = self.kinds.count(Number::new(-1)).address(&self.address);
        let late = late.timeout(millis(300)).await;
        let error = match late {
            Ok(mut stream) => read(&mut stream).await.1.expect("the deadline must come"),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error:?}");
        Ok(())
    }

    async fn giving_up(&self) -> Result<()> {
        let given_up = || async {
            let call = self.kinds.given_up(Number::new(0)).address(&self.address);
            call.timeout(secs(20)).await.unwrap().value
        };
        let before = given_up().await;
        let endless = self.kinds.count(Number::new(-1)).address(&self.address);
        let mut endless = endless.await?;
        assert!(endless.next().await.is_some());
        drop(endless);
        until_async("the server to see it", || async {
            (given_up().await > before).then_some(())
        })
        .await;
        Ok(())
    }
}
