//! `Channel`: the client as a transport for gRPC clients that other libraries generate.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body::{Body as HttpBody, Frame};
use micro_core::handler::{
    self, Body, BoxFuture, Kind, MethodInfo, Payload, PayloadStream, Source,
};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::grpc::frame::{self, Decoder, OpenFrame};
use micro_wire::grpc::{self, content_type, status, timeout};
use micro_wire::{Compression, headers};

use crate::{Client, Request};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A transport for gRPC clients that other libraries generate, for example tonic's. Created by
/// [`Client::channel`].
///
/// Discovery, balancing, failover, deadlines and the client's wraps apply as to any call. It is a
/// `tower::Service` over gRPC requests.
///
/// The channel does not know which kinds of calls the methods are. It sends a request with one
/// message as a call with a stream of responses, so the client's own timeout limits only the time
/// until the response begins. Set a timeout with the generated client. A call is repeated on
/// another node only if no handler has seen it, and with a stream of requests only until the first
/// of them is sent.
#[derive(Debug, Clone)]
pub struct Channel {
    client: Client,
    service: Arc<str>,
}

impl Client {
    /// Returns a transport for a generated gRPC client, for example tonic's
    /// `GreeterClient::new(client.channel("greeter"))`.
    ///
    /// `service` is the name under which the nodes register.
    pub fn channel(&self, service: &str) -> Channel {
        Channel {
            client: self.clone(),
            service: service.into(),
        }
    }
}

impl<B> tower_service::Service<http::Request<B>> for Channel
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ChannelBody>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<ChannelBody>>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move {
            let codec = request.headers().get(CONTENT_TYPE);
            let codec = codec.and_then(|value| grpc::codec(value.as_bytes()));
            let codec = codec.unwrap_or(Codec::Protobuf);
            let answered = channel.answer(request, codec).await;
            Ok(answered.unwrap_or_else(|error| refused(&error, codec)))
        })
    }
}

impl Channel {
    async fn answer<B>(
        &self,
        request: http::Request<B>,
        codec: Codec,
    ) -> Result<Response<ChannelBody>>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let config = self.client.config();
        let (head, body) = request.into_parts();
        let limit = config.max_metadata_size;
        let metadata = headers::metadata(&head.headers, limit)?;
        let timeout = head.headers.get(timeout::TIMEOUT);
        let timeout = timeout.map(timeout::read).transpose()?;
        let encoding = headers::list(&head.headers, &grpc::ENCODING);
        let encoding = Compression::find(&encoding)?;
        let mut messages = RequestMessages {
            body: Box::pin(body),
            decoder: Decoder::default(),
            encoding,
            codec,
            limit: config.max_message_size,
        };
        // The call must not wait for its messages: a client may wait for the server first.
        let (first, second) = match messages.poll_once().await {
            Poll::Ready(Some(first)) => (Poll::Ready(Some(first?)), messages.poll_once().await),
            nothing => (nothing.map(|_| None), Poll::Pending),
        };
        let path = head.uri.path().to_owned();
        let method = MethodInfo::new(self.service.to_string(), path);
        let (method, body) = match (first, second) {
            (Poll::Ready(Some(only)), Poll::Ready(None)) => {
                (method.kind(Kind::ServerStream), Body::One(only))
            }
            (first, second) => {
                let first = first.map(|first| first.map(Ok));
                let read = [first, second];
                let messages = PayloadStream::from_source(Chained { read, messages });
                (method.kind(Kind::Bidirectional), Body::Many(messages))
            }
        };
        let client = self.client.clone();
        let mut call =
            Request::<()>::with_body(client, Arc::new(method), body).with_metadata(metadata);
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        respond(call.dispatch().await?, codec)
    }
}

/// Returns the response to a call that has begun.
fn respond(response: handler::Response, codec: Codec) -> Result<Response<ChannelBody>> {
    let (metadata, body, trailers) = response.into_parts();
    let mut headers = HeaderMap::with_capacity(metadata.len() + 1);
    headers.insert(CONTENT_TYPE, content_type(codec));
    headers::write(&metadata, &mut headers)?;
    let content = match body {
        Body::One(payload) => Content::One(payload, trailers),
        Body::Many(messages) => Content::Many(messages),
    };
    let mut response = Response::new(ChannelBody { content, codec });
    *response.headers_mut() = headers;
    Ok(response)
}

/// Returns the response to a call that has failed before its first message.
fn refused(error: &Error, codec: Codec) -> Response<ChannelBody> {
    let content = Content::Ended;
    let mut response = Response::new(ChannelBody { content, codec });
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(codec));
    status::write(error, headers);
    headers::write_or_warn(error.metadata(), headers);
    response
}

/// The messages in the body of a request.
struct RequestMessages<B> {
    body: Pin<Box<B>>,
    decoder: Decoder,
    encoding: Option<Compression>,
    codec: Codec,
    limit: usize,
}

impl<B> RequestMessages<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Returns the next message if it is there, without waiting for it.
    async fn poll_once(&mut self) -> Poll<Option<Result<Payload>>> {
        std::future::poll_fn(|cx| Poll::Ready(self.poll(cx))).await
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<Payload>>> {
        loop {
            if let Some(message) = self.take().transpose() {
                return Poll::Ready(Some(message));
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.decoder.push(data);
                    }
                }
                Some(Err(error)) => {
                    let error =
                        Error::cancelled("the stream of requests failed").with_source(error.into());
                    return Poll::Ready(Some(Err(error)));
                }
                None if self.decoder.is_between() => return Poll::Ready(None),
                None => {
                    let ended = self.decoder.progress();
                    let error = Error::internal(format!("the request ends after {ended}"));
                    self.decoder = Decoder::default();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// Takes the next message that is complete.
    fn take(&mut self) -> Result<Option<Payload>> {
        let Some(prefix) = self.decoder.prefix() else {
            return Ok(None);
        };
        if prefix.length > self.limit {
            return Err(too_large(self.limit));
        }
        let Some(mut bytes) = self.decoder.message(prefix) else {
            return Ok(None);
        };
        if prefix.flag == frame::COMPRESSED {
            let encoding = self.encoding.ok_or_else(|| {
                Error::internal("a compressed message without the header `grpc-encoding`")
            })?;
            bytes = encoding.decompress(&bytes, self.limit)?.into();
        }
        Ok(Some(Payload::Encoded {
            codec: self.codec,
            bytes,
            memory: usize::MAX,
        }))
    }
}

fn too_large(limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "a request message exceeds the limit of {limit} bytes (`max_message_size` of the client)"
    ))
}

/// What has been read already, and the other messages.
struct Chained<B> {
    /// `Pending` is nothing.
    read: [Poll<Option<Result<Payload>>>; 2],
    messages: RequestMessages<B>,
}

impl<B> Source for Chained<B>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Payload>>> {
        for read in &mut self.read {
            if let Poll::Ready(next) = mem::replace(read, Poll::Pending) {
                return Poll::Ready(next);
            }
        }
        self.messages.poll(cx)
    }
}

/// The body of a response of a [`Channel`]: gRPC frames, then trailers.
#[derive(Debug)]
pub struct ChannelBody {
    content: Content,
    codec: Codec,
}

#[derive(Debug)]
enum Content {
    One(Payload, Metadata),
    Many(PayloadStream),
    Trailers(HeaderMap),
    Ended,
}

impl ChannelBody {
    fn frame(&self, payload: &Payload) -> Result<Frame<Bytes>> {
        let mut out = Vec::with_capacity(payload.as_ref().room());
        let open = OpenFrame::begin(&mut out);
        payload.write(self.codec, &mut out)?;
        let large = |length| Error::internal(format!("a message of {length} bytes has no frame"));
        open.close(&mut out).map_err(large)?;
        Ok(Frame::data(out.into()))
    }
}

/// Returns the trailers that end a body, with its status and metadata.
fn trailers(outcome: Result<()>, metadata: &Metadata) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2 + metadata.len());
    match outcome {
        Ok(()) => status::write_ok(&mut trailers),
        Err(error) => {
            status::write(&error, &mut trailers);
            headers::write_or_warn(error.metadata(), &mut trailers);
        }
    }
    headers::write_or_warn(metadata, &mut trailers);
    trailers
}

impl HttpBody for ChannelBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let frame = match mem::replace(&mut this.content, Content::Ended) {
            Content::Ended => return Poll::Ready(None),
            Content::One(payload, metadata) => match this.frame(&payload) {
                Ok(frame) => {
                    this.content = Content::Trailers(trailers(Ok(()), &metadata));
                    frame
                }
                Err(error) => Frame::trailers(trailers(Err(error), &metadata)),
            },
            Content::Trailers(trailers) => Frame::trailers(trailers),
            Content::Many(mut messages) => {
                let next = messages.poll(cx);
                let next = next.map(|next| next.map(|next| next.and_then(|one| this.frame(&one))));
                let outcome = match next {
                    Poll::Ready(Some(Err(error))) => Err(error),
                    Poll::Ready(None) => Ok(()),
                    more => {
                        this.content = Content::Many(messages);
                        return more;
                    }
                };
                let none = Metadata::new();
                let metadata = messages.metadata().trailing().unwrap_or(&none);
                Frame::trailers(trailers(outcome, metadata))
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Ended)
    }
}
