//! The client under test: makes the requested calls and reports their results.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use micro::client::{Client, Config, Request};
use micro::codec::{Codec, Compression, Message};
use micro::handler::{MethodInfo, ResponseType};
use micro::prelude::*;
use micro::types::Any;
use tokio::time::sleep;

use crate::messages::{
    BidiStreamRequest, Cancel, ClientCompatRequest, ClientCompatResponse, ClientErrorResult,
    ClientResponseResult, ClientStreamRequest, ConformancePayload, Failure, Header,
    IdempotentUnaryRequest, ServerStreamRequest, UnaryRequest, UnimplementedRequest,
    UnimplementedResponse,
};
use crate::service::ConformanceServiceClient;
use crate::{read, write};

const JSON: u32 = 2;
const GZIP: u32 = 2;
const ZSTD: u32 = 4;
const FULL_DUPLEX: u32 = 5;

/// Makes all calls, one after the other.
pub(crate) async fn run() -> Result<()> {
    let (mut stdin, mut stdout) = (io::stdin(), io::stdout());
    while let Some(asked) = read::<ClientCompatRequest>(&mut stdin)? {
        let test_name = asked.test_name.clone();
        let (response, error) = match Case::new(asked).call().await {
            Ok(result) => (Some(result), None),
            Err(error) => (
                None,
                Some(ClientErrorResult {
                    message: error.chain(),
                }),
            ),
        };
        let said = ClientCompatResponse {
            test_name,
            response,
            error,
        };
        write(&mut stdout, &said)?;
    }
    Ok(())
}

/// One requested call.
struct Case {
    asked: ClientCompatRequest,
    service: ConformanceServiceClient,
    client: Client,
    result: ClientResponseResult,
}

impl Case {
    fn new(asked: ClientCompatRequest) -> Self {
        let mut config = Config::default();
        // Only the timeouts that the suite sets.
        config.timeout = Duration::MAX;
        if asked.message_receive_limit > 0 {
            config.max_message_size = asked.message_receive_limit as usize;
        }
        let client = Client::builder().config(config).build();
        Self {
            asked,
            service: ConformanceServiceClient::new(client.clone()),
            client,
            result: ClientResponseResult::default(),
        }
    }

    async fn call(mut self) -> Result<ClientResponseResult> {
        match self.asked.method.as_deref().unwrap_or_default() {
            "Unary" => {
                let call = self.service.unary(self.first::<UnaryRequest>()?);
                self.unary(call).await;
            }
            "IdempotentUnary" => {
                let request = self.first::<IdempotentUnaryRequest>()?;
                let call = self.service.idempotent_unary(request);
                self.unary(call).await;
            }
            "Unimplemented" => {
                let request = self.first::<UnimplementedRequest>()?;
                let path = "/connectrpc.conformance.v1.ConformanceService/Unimplemented";
                let method = Arc::new(MethodInfo::new("conformance-service", path));
                let call = self.client.call::<UnimplementedResponse>(&method, request);
                self.unary(call).await;
            }
            "ServerStream" => {
                let call = self
                    .service
                    .server_stream(self.first::<ServerStreamRequest>()?);
                self.server_stream(call).await;
            }
            "ClientStream" => {
                let call = self
                    .service
                    .client_stream(self.requests::<ClientStreamRequest>()?);
                self.unary(call).await;
            }
            "BidiStream" if self.asked.stream_type == FULL_DUPLEX => self.converse().await?,
            "BidiStream" => {
                let call = self
                    .service
                    .bidi_stream(self.requests::<BidiStreamRequest>()?);
                self.server_stream(call).await;
            }
            other => return Err(Error::unimplemented(format!("no method `{other}`"))),
        }
        self.client.close().await;
        Ok(self.result)
    }

    fn first<M: Message>(&self) -> Result<M> {
        let first = self.asked.request_messages.first();
        let first = first.ok_or_else(|| Error::invalid_argument("no request was given"))?;
        first.unpack()
    }

    /// The requests with the delays between them, then the end, unless the call is cancelled first.
    fn requests<M: Message>(&self) -> Result<Streaming<M>> {
        let requests: Result<Vec<M>> = self
            .asked
            .request_messages
            .iter()
            .map(Any::unpack)
            .collect();
        let (requests, delay) = (requests?, self.delay());
        let never_ends = self
            .cancel()
            .is_some_and(|when| when.before_close_send.is_some());
        Ok(Streaming::make(move |out| async move {
            for request in requests {
                sleep(delay).await;
                out.send(request).await?;
            }
            if never_ends {
                out.closed().await;
            }
            Ok(())
        }))
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.asked.request_delay_ms.into())
    }

    fn cancel(&self) -> Option<&Cancel> {
        self.asked.cancel.as_ref()
    }

    /// Resolves when the call is to be cancelled, counted from the last request.
    fn given_up(&self) -> impl Future<Output = ()> + use<> {
        let requests = u32::try_from(self.asked.request_messages.len()).unwrap_or(u32::MAX);
        let after = self.cancel().and_then(|when| match when.before_close_send {
            // The requests are being sent by then. Nothing reports when they were sent.
            Some(()) => Some(200),
            None => when.after_close_send_ms,
        });
        let after = after.map(|ms| self.delay() * requests + Duration::from_millis(ms.into()));
        async move {
            match after {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        }
    }

    /// The call with the settings that all calls share.
    fn prepared<R: ResponseType>(&self, call: Request<R>) -> Request<R> {
        let mut call = call.address(format!("{}:{}", self.asked.host, self.asked.port));
        for header in &self.asked.request_headers {
            for value in &header.value {
                call = call.metadata(header.name.clone(), value);
            }
        }
        if let Some(timeout) = self.asked.timeout_ms {
            call = call.timeout(Duration::from_millis(timeout.into()));
        }
        if self.asked.codec == JSON {
            call = call.codec(Codec::Json);
        }
        match self.asked.compression {
            GZIP => call.compress(Compression::Gzip),
            ZSTD => call.compress(Compression::Zstd),
            _ => call,
        }
    }

    async fn unary<R>(&mut self, call: Request<R>)
    where
        R: Message + Into<ConformancePayload>,
    {
        let call = self.prepared(call);
        let answered = tokio::select! {
            answered = call.send() => answered,
            () = self.given_up() => Err(Error::cancelled("given up")),
        };
        match answered {
            Ok(reply) => {
                self.result.payloads.push(reply.message.into());
                self.result.response_headers = headers(&reply.metadata);
                self.result.response_trailers = headers(&reply.trailers);
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn server_stream<R>(&mut self, call: Request<Streaming<R>>)
    where
        R: Message + Into<ConformancePayload>,
    {
        let call = self.prepared(call).into_future();
        let mut given_up = pin!(self.given_up());
        let opened = tokio::select! {
            opened = call => opened,
            () = &mut given_up => Err(Error::cancelled("given up")),
        };
        let mut replies = match opened {
            Ok(replies) => replies,
            Err(error) => return self.failed(&error),
        };
        loop {
            let next = tokio::select! {
                next = replies.next() => next,
                () = &mut given_up => Some(Err(Error::cancelled("given up"))),
            };
            match next {
                Some(Ok(reply)) => self.result.payloads.push(reply.into()),
                Some(Err(error)) => break self.ended(&replies, Some(&error)),
                None => break self.ended(&replies, None),
            }
            if self.has_enough() {
                let error = Error::cancelled("given up after enough replies");
                break self.ended(&replies, Some(&error));
            }
        }
    }

    /// Waits for one response after each request.
    async fn converse(&mut self) -> Result<()> {
        let requests: Result<Vec<BidiStreamRequest>> = self
            .asked
            .request_messages
            .iter()
            .map(Any::unpack)
            .collect();
        let (sender, input) = Streaming::channel(1);
        let call = self.prepared(self.service.bidi_stream(input));
        let mut replies = match call.await {
            Ok(replies) => replies,
            Err(error) => {
                self.failed(&error);
                return Ok(());
            }
        };
        let requests = requests?;
        let mut left = requests.len();
        for request in requests {
            sleep(self.delay()).await;
            // An error of the call is read from the responses.
            if sender.send(request).await.is_ok() {
                left -= 1;
            }
            match replies.next().await {
                Some(Ok(reply)) => self.result.payloads.push(reply.into()),
                Some(Err(error)) => {
                    self.result.num_unsent_requests = i32::try_from(left).unwrap_or(i32::MAX);
                    self.ended(&replies, Some(&error));
                    return Ok(());
                }
                None => break,
            }
            if self.has_enough() {
                let error = Error::cancelled("given up after enough replies");
                self.ended(&replies, Some(&error));
                return Ok(());
            }
        }
        if let Some(when) = self.cancel()
            && (when.before_close_send.is_some() || when.after_close_send_ms.is_some())
        {
            sleep(Duration::from_millis(
                when.after_close_send_ms.unwrap_or(0).into(),
            ))
            .await;
            self.ended(&replies, Some(&Error::cancelled("given up")));
            return Ok(());
        }
        drop(sender);
        while let Some(next) = replies.next().await {
            match next {
                Ok(reply) => self.result.payloads.push(reply.into()),
                Err(error) => {
                    self.ended(&replies, Some(&error));
                    return Ok(());
                }
            }
        }
        self.ended(&replies, None);
        Ok(())
    }

    fn has_enough(&self) -> bool {
        let enough = self.cancel().and_then(|when| when.after_num_responses);
        enough.is_some_and(|enough| self.result.payloads.len() >= enough as usize)
    }

    fn ended<R: Message>(&mut self, replies: &Streaming<R>, error: Option<&Error>) {
        self.result.response_headers = headers(replies.metadata());
        if let Some(trailers) = replies.trailers() {
            self.result.response_trailers = headers(trailers);
        }
        if let Some(error) = error {
            self.result.error = Some(failure(error));
        }
    }

    /// A failed call has one metadata map, which does not distinguish headers from trailers.
    fn failed(&mut self, error: &Error) {
        self.result.response_headers = headers(error.metadata());
        self.result.response_trailers = headers(error.metadata());
        self.result.error = Some(failure(error));
    }
}

fn headers(metadata: &Metadata) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    for (key, value) in metadata.iter() {
        match headers.iter_mut().find(|header| header.name == key) {
            Some(header) => header.value.push(value.to_owned()),
            None => headers.push(Header {
                name: key.to_owned(),
                value: vec![value.to_owned()],
            }),
        }
    }
    headers
}

fn failure(error: &Error) -> Failure {
    let details = error.details().iter().map(|detail| Any {
        type_url: format!("type.googleapis.com/{}", detail.name),
        value: detail.value.clone().into(),
    });
    Failure {
        code: error.kind().into(),
        message: Some(error.message().to_owned()),
        details: details.collect(),
    }
}
