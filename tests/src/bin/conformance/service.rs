//! The service that the suite's clients call. It responds as each request demands.

use std::time::Duration;

use bytes::Bytes;
use micro::codec::Message;
use micro::error::Detail;
use micro::prelude::*;
use micro::types::Any;

use crate::messages::{
    BidiStreamRequest, BidiStreamResponse, ClientStreamRequest, ClientStreamResponse,
    ConformancePayload, Failure, Header, IdempotentUnaryRequest, IdempotentUnaryResponse,
    RequestInfo, ServerStreamRequest, ServerStreamResponse, StreamResponseDefinition, UnaryRequest,
    UnaryResponse, UnaryResponseDefinition,
};

/// What the suite calls; `Unimplemented` is missing on purpose.
#[micro::service(package = "connectrpc.conformance.v1")]
pub(crate) struct ConformanceService;

#[micro::service]
impl ConformanceService {
    #[micro::rpc]
    pub(crate) async fn unary(
        &self,
        context: Context,
        request: UnaryRequest,
    ) -> Result<UnaryResponse> {
        let info = info(&context, vec![Any::pack(&request)]);
        answer(&context, request.response_definition, info).await
    }

    #[micro::rpc(idempotent)]
    pub(crate) async fn idempotent_unary(
        &self,
        context: Context,
        request: IdempotentUnaryRequest,
    ) -> Result<IdempotentUnaryResponse> {
        let info = info(&context, vec![Any::pack(&request)]);
        answer(&context, request.response_definition, info).await
    }

    #[micro::rpc]
    pub(crate) async fn client_stream(
        &self,
        context: Context,
        mut requests: Streaming<ClientStreamRequest>,
    ) -> Result<ClientStreamResponse> {
        let (mut seen, mut definition) = (Vec::new(), None);
        while let Some(request) = requests.next().await {
            let request = request?;
            if seen.is_empty() {
                definition.clone_from(&request.response_definition);
            }
            seen.push(Any::pack(&request));
        }
        let info = info(&context, seen);
        answer(&context, definition, info).await
    }

    #[micro::rpc]
    pub(crate) async fn server_stream(
        &self,
        context: Context,
        request: ServerStreamRequest,
    ) -> Result<Streaming<ServerStreamResponse>> {
        let info = info(&context, vec![Any::pack(&request)]);
        let Some(definition) = request.response_definition else {
            return Ok(Streaming::make(|_| async { Ok(()) }));
        };
        announce(&context, &definition)?;
        Ok(Streaming::make(|out| async move {
            let mut info = Some(info);
            for data in definition.response_data {
                pause(definition.response_delay_ms).await;
                out.send(payload(data, info.take())).await?;
            }
            end(definition.error, info)
        }))
    }

    #[micro::rpc]
    pub(crate) async fn bidi_stream(
        &self,
        context: Context,
        mut requests: Streaming<BidiStreamRequest>,
    ) -> Result<Streaming<BidiStreamResponse>> {
        let Some(first) = requests.next().await.transpose()? else {
            return Ok(Streaming::make(|_| async { Ok(()) }));
        };
        if let Some(definition) = &first.response_definition {
            announce(&context, definition)?;
        }
        Ok(Streaming::make(|out| async move {
            if first.full_duplex {
                converse(&context, first, requests, out).await
            } else {
                listen_then_speak(&context, first, requests, out).await
            }
        }))
    }
}

type Out = Sender<BidiStreamResponse>;

/// Reads all requests, then sends all responses.
async fn listen_then_speak(
    context: &Context,
    first: BidiStreamRequest,
    mut requests: Streaming<BidiStreamRequest>,
    out: Out,
) -> Result<()> {
    let mut seen = vec![Any::pack(&first)];
    while let Some(request) = requests.next().await {
        seen.push(Any::pack(&request?));
    }
    let mut info = Some(info(context, seen));
    let Some(definition) = first.response_definition else {
        return Ok(());
    };
    for data in definition.response_data {
        pause(definition.response_delay_ms).await;
        out.send(payload(data, info.take())).await?;
    }
    end(definition.error, info)
}

/// Sends one response for each request.
async fn converse(
    context: &Context,
    first: BidiStreamRequest,
    mut requests: Streaming<BidiStreamRequest>,
    out: Out,
) -> Result<()> {
    let definition = first.response_definition.clone();
    let (delay, mut responses, error) = match definition {
        Some(definition) => (
            definition.response_delay_ms,
            definition.response_data.into_iter(),
            definition.error,
        ),
        None => (0, Vec::new().into_iter(), None),
    };
    let mut next = Some(first);
    let mut said = false;
    while let Some(request) = next {
        let requests_of_this = vec![Any::pack(&request)];
        let info = if said {
            RequestInfo {
                requests: requests_of_this,
                ..RequestInfo::default()
            }
        } else {
            info(context, requests_of_this)
        };
        let Some(data) = responses.next() else {
            return end(error, (!said).then_some(info));
        };
        pause(delay).await;
        out.send(payload(data, Some(info))).await?;
        said = true;
        next = requests.next().await.transpose()?;
    }
    for data in responses {
        pause(delay).await;
        out.send(payload(data, None)).await?;
    }
    end(error, None)
}

/// Ends a stream. An error before any message contains the request's information.
fn end(error: Option<Failure>, info: Option<RequestInfo>) -> Result<()> {
    error.map_or(Ok(()), |error| Err(failure(error, info)))
}

fn payload<R: From<ConformancePayload>>(data: Bytes, request_info: Option<RequestInfo>) -> R {
    ConformancePayload { data, request_info }.into()
}

/// Creates the response of a unary call.
async fn answer<R: From<ConformancePayload>>(
    context: &Context,
    definition: Option<UnaryResponseDefinition>,
    info: RequestInfo,
) -> Result<R> {
    let Some(definition) = definition else {
        return Ok(payload(Bytes::new(), Some(info)));
    };
    beside(
        context,
        &definition.response_headers,
        &definition.response_trailers,
    )?;
    pause(definition.response_delay_ms).await;
    match definition.error {
        Some(error) => Err(failure(error, Some(info))),
        None => Ok(payload(
            definition.response_data.unwrap_or_default(),
            Some(info),
        )),
    }
}

fn announce(context: &Context, definition: &StreamResponseDefinition) -> Result<()> {
    beside(
        context,
        &definition.response_headers,
        &definition.response_trailers,
    )
}

fn beside(context: &Context, headers: &[Header], trailers: &[Header]) -> Result<()> {
    for header in headers {
        for value in &header.value {
            context.append_response_metadata(header.name.clone(), value)?;
        }
    }
    for trailer in trailers {
        for value in &trailer.value {
            context.append_response_trailer(trailer.name.clone(), value)?;
        }
    }
    Ok(())
}

fn failure(error: Failure, info: Option<RequestInfo>) -> Error {
    let mut made = Error::new(error.code.into(), error.message.unwrap_or_default());
    for detail in error.details {
        made = made.with_detail(Detail::new(detail.name(), detail.value.to_vec()));
    }
    if let Some(info) = info {
        let mut value = Vec::new();
        info.encode(&mut value);
        made = made.with_detail(Detail::new(RequestInfo::name(), value));
    }
    made
}

fn info(context: &Context, requests: Vec<Any>) -> RequestInfo {
    let metadata = context.metadata();
    let mut request_headers: Vec<Header> = Vec::new();
    for (key, value) in metadata.iter() {
        match request_headers.iter_mut().find(|header| header.name == key) {
            Some(header) => header.value.push(value.to_owned()),
            None => request_headers.push(Header {
                name: key.to_owned(),
                value: vec![value.to_owned()],
            }),
        }
    }
    let timeout_ms = context
        .remaining()
        .map(|left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
    RequestInfo {
        request_headers,
        timeout_ms,
        requests,
        connect_get_info: None,
    }
}

async fn pause(milliseconds: u32) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    }
}
