//! A gRPC server scripted by hand, down to the frames.

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

/// What a running peer may be told to do.
#[derive(Clone, Copy, PartialEq)]
enum Command {
    Serve,
    /// GOAWAY on every connection, then finish what runs; new connections are served.
    Leave(usize),
    /// Not even a FIN from our side of it: the process is gone.
    Die,
}

/// A peer; gone when dropped.
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
    /// A peer that answers by a script.
    pub(super) async fn scripted<F>(
        script: impl Fn(IncomingResponses) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::scripted_with(Builder::new(), script).await
    }

    /// The same with HTTP/2 settings.
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

    /// A peer that says what it hears.
    pub(super) async fn echo() -> Self {
        Self::scripted(echo).await
    }

    /// The same, at an address and with HTTP/2 settings.
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

    /// A peer that does with each connection what it likes.
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

    /// Calls that have come.
    pub(super) fn calls(&self) -> usize {
        self.counts.calls.load(Ordering::SeqCst)
    }

    /// Calls whose script runs.
    pub(super) fn running(&self) -> usize {
        self.counts.running.load(Ordering::SeqCst)
    }

    /// Connections that have been accepted.
    pub(super) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Calls that the client has cancelled while their script waited for it.
    pub(super) fn resets(&self) -> usize {
        self.counts.resets.load(Ordering::SeqCst)
    }

    /// GOAWAY on every connection there is; what runs on them finishes.
    pub(super) fn leave(&self) {
        self.command.send_modify(|command| {
            *command = match *command {
                Command::Leave(times) => Command::Leave(times + 1),
                _ => Command::Leave(1),
            }
        });
    }

    /// As killed: all connections and the listener are closed.
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

/// Counts something as long as it lives.
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

/// The request's bytes, prefix included.
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

/// Answers with these bytes and trailers. A client that has gone meanwhile is no mistake here.
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

/// Answers with a status only.
pub(super) fn refuse(mut respond: SendResponse<Bytes>, pairs: &[(&'static str, &'static str)]) {
    drop(respond.send_response(head(pairs), true));
}

pub(super) async fn echo(mut incoming: IncomingResponses) {
    let bytes = read(&mut incoming.body).await;
    let trailers = Some(&[("grpc-status", "0")][..]);
    answer(incoming.respond, head(&[]), bytes.into(), trailers);
}

/// A place where calls wait until they are let go.
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
