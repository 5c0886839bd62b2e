//! A scripted gRPC server, down to the frames.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, Connection, SendResponse};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use micro_core::handler::BoxFuture;

/// One call as the script sees it.
pub(super) struct IncomingResponses {
    pub(super) head: http::request::Parts,
    pub(super) body: RecvStream,
    pub(super) respond: SendResponse<Bytes>,
    counts: Arc<Counts>,
}

impl IncomingResponses {
    /// Waits until the client resets the stream, and counts it.
    pub(super) async fn reset(&mut self) {
        let reason = std::future::poll_fn(|cx| self.respond.poll_reset(cx)).await;
        if let Ok(h2::Reason::CANCEL) = reason {
            self.counts.resets.fetch_add(1, Ordering::SeqCst);
        }
    }
}

type Script = Arc<dyn Fn(IncomingResponses) -> BoxFuture<'static, ()> + Send + Sync>;

/// Commands for a running peer.
#[derive(Clone, Copy, PartialEq)]
enum Command {
    Serve,
    /// Sends GOAWAY on every connection, then finishes the running calls. New connections are
    /// served.
    Leave(usize),
    /// Stops without even a FIN from this side, as if the process were gone.
    Die,
}

/// A peer, which stops when dropped.
pub(super) struct Peer {
    address: String,
    command: watch::Sender<Command>,
    counts: Arc<Counts>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    running: AtomicUsize,
    connections: AtomicUsize,
    open: AtomicUsize,
    resets: AtomicUsize,
}

impl Peer {
    /// Starts a peer that responds according to a script.
    pub(super) async fn scripted<F>(
        script: impl Fn(IncomingResponses) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::scripted_with(Builder::new(), script).await
    }

    /// Starts such a peer with HTTP/2 settings.
    pub(super) async fn scripted_with<F>(
        builder: Builder,
        script: impl Fn(IncomingResponses) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let script: Script = Arc::new(move |incoming| Box::pin(script(incoming)));
        Self::start("127.0.0.1:0", builder, script).await
    }

    /// Starts a peer that echoes its requests.
    pub(super) async fn echo() -> Self {
        Self::scripted(echo).await
    }

    /// Starts such a peer at an address and with HTTP/2 settings.
    pub(super) async fn echo_at(address: &str, builder: Builder) -> Self {
        let script: Script = Arc::new(|incoming| Box::pin(echo(incoming)));
        Self::start(address, builder, script).await
    }

    async fn start(address: &str, builder: Builder, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (command, commands) = watch::channel(Command::Serve);
        let counts = Arc::<Counts>::default();
        let mut tasks = JoinSet::new();
        let (counting, mut dead) = (Arc::clone(&counts), commands.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let accept = async {
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    counting.connections.fetch_add(1, Ordering::SeqCst);
                    let serve = serve(
                        tcp,
                        builder.clone(),
                        Arc::clone(&script),
                        commands.clone(),
                        Arc::clone(&counting),
                    );
                    connections.spawn(serve);
                }
            };
            tokio::select! {
                () = accept => {}
                _ = dead.wait_for(|command| *command == Command::Die) => {}
            }
        });
        Self {
            address,
            command,
            counts,
            tasks,
        }
    }

    /// Starts a peer that passes each TCP connection to a script.
    pub(super) async fn raw<F>(script: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counts = Arc::<Counts>::default();
        let counting = Arc::clone(&counts);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                counting.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(script(tcp));
            }
        });
        Self {
            address,
            command: watch::Sender::new(Command::Serve),
            counts,
            tasks,
        }
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Number of calls received.
    pub(super) fn calls(&self) -> usize {
        self.counts.calls.load(Ordering::SeqCst)
    }

    /// Number of calls whose script is running.
    pub(super) fn running(&self) -> usize {
        self.counts.running.load(Ordering::SeqCst)
    }

    /// Number of connections accepted.
    pub(super) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Number of open connections.
    pub(super) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Number of calls that the client cancelled while their script waited for that.
    pub(super) fn resets(&self) -> usize {
        self.counts.resets.load(Ordering::SeqCst)
    }

    /// Sends GOAWAY on every open connection; the running calls finish.
    pub(super) fn leave(&self) {
        self.command.send_modify(|command| {
            *command = match *command {
                Command::Leave(times) => Command::Leave(times + 1),
                _ => Command::Leave(1),
            }
        });
    }

    /// Kills the peer: closes all connections and the listener. Returns its address.
    pub(super) async fn kill(mut self) -> String {
        self.command.send_replace(Command::Die);
        self.tasks.shutdown().await;
        self.address
    }
}

async fn serve(
    tcp: TcpStream,
    builder: Builder,
    script: Script,
    mut commands: watch::Receiver<Command>,
    counts: Arc<Counts>,
) {
    commands.mark_unchanged();
    let _open = Counted::begin(&counts, |counts| &counts.open);
    let Ok(mut connection): Result<Connection<_, Bytes>, _> = builder.handshake(tcp).await else {
        return;
    };
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                counts.calls.fetch_add(1, Ordering::SeqCst);
                let (head, body) = Request::into_parts(request);
                let running = Counted::begin(&counts, |counts| &counts.running);
                let counts = Arc::clone(&counts);
                let script = script(IncomingResponses { head, body, respond, counts });
                calls.spawn(async move {
                    let _running = running;
                    script.await;
                });
            }
            changed = commands.changed() => {
                if changed.is_err() || *commands.borrow() == Command::Die {
                    return;
                }
                connection.graceful_shutdown();
            }
        }
    }
}

/// Counts one, from its creation until it is dropped.
struct Counted {
    counts: Arc<Counts>,
    which: fn(&Counts) -> &AtomicUsize,
}

impl Counted {
    fn begin(counts: &Arc<Counts>, which: fn(&Counts) -> &AtomicUsize) -> Self {
        which(counts).fetch_add(1, Ordering::SeqCst);
        let counts = Arc::clone(counts);
        Self { counts, which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.counts).fetch_sub(1, Ordering::SeqCst);
    }
}

/// Reads the bytes of a request, prefix included.
pub(super) async fn read(body: &mut RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes.into()
}

pub(super) fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(key, value)| {
        let value = http::HeaderValue::from_static(value);
        (http::HeaderName::from_static(key), value)
    };
    pairs.iter().map(pair).collect()
}

pub(super) fn head(pairs: &[(&'static str, &'static str)]) -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = fields(&[("content-type", "application/grpc")]);
    response.headers_mut().extend(fields(pairs));
    response
}

/// Responds with these bytes and trailers. It is not an error if the client is gone by then.
pub(super) fn answer(
    mut respond: SendResponse<Bytes>,
    head: Response<()>,
    data: Bytes,
    trailers: Option<&[(&'static str, &'static str)]>,
) {
    let Ok(mut stream) = respond.send_response(head, false) else {
        return;
    };
    let sent = stream.send_data(data, trailers.is_none());
    if let (Ok(()), Some(trailers)) = (sent, trailers) {
        stream.send_trailers(fields(trailers)).unwrap_or_default();
    }
}

/// Responds with a status only.
pub(super) fn refuse(mut respond: SendResponse<Bytes>, pairs: &[(&'static str, &'static str)]) {
    drop(respond.send_response(head(pairs), true));
}

pub(super) async fn echo(mut incoming: IncomingResponses) {
    let bytes = read(&mut incoming.body).await;
    let trailers = Some(&[("grpc-status", "0")][..]);
    answer(incoming.respond, head(&[]), bytes.into(), trailers);
}

/// Holds calls until they are released.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Vec<tokio::sync::oneshot::Sender<()>>>>);

impl Held {
    pub(super) async fn wait(&self) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.0.lock().unwrap().push(sender);
        receiver.await.unwrap_or_default();
    }

    pub(super) fn waiting(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(super) fn release(&self) {
        self.0.lock().unwrap().clear();
    }
}
