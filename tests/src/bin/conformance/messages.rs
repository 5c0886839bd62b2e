//! The messages of the conformance suite (`connectrpc.conformance.v1`), as far as a server and a
//! client under test need them.
//!
//! A `oneof` inside a message is written as optional fields with the same numbers, which is
//! equivalent on the wire and in JSON.

use bytes::Bytes;
use micro::prelude::*;
use micro::types::Any;

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: Vec<String>,
}

#[micro::message(package = "connectrpc.conformance.v1", name = "Error")]
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: Option<String>,
    pub(crate) details: Vec<Any>,
}

/// The suite's names of the gRPC codes, and their error kinds.
macro_rules! codes {
    ($($code:ident = $number:literal $kind:ident,)*) => {
        #[micro::message(package = "connectrpc.conformance.v1")]
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Code {
            Unspecified,
            $($code = $number,)*
        }

        impl From<ErrorKind> for Code {
            fn from(kind: ErrorKind) -> Self {
                match kind {
                    $(ErrorKind::$kind => Self::$code,)*
                    _ => Self::Unspecified,
                }
            }
        }

        impl From<Code> for ErrorKind {
            fn from(code: Code) -> Self {
                match code {
                    $(Code::$code => Self::$kind,)*
                    Code::Unspecified => Self::Unknown,
                }
            }
        }
    };
}

codes!(
    Canceled = 1 Cancelled,
    Unknown = 2 Unknown,
    InvalidArgument = 3 InvalidArgument,
    DeadlineExceeded = 4 DeadlineExceeded,
    NotFound = 5 NotFound,
    AlreadyExists = 6 AlreadyExists,
    PermissionDenied = 7 PermissionDenied,
    ResourceExhausted = 8 ResourceExhausted,
    FailedPrecondition = 9 FailedPrecondition,
    Aborted = 10 Aborted,
    OutOfRange = 11 OutOfRange,
    Unimplemented = 12 Unimplemented,
    Internal = 13 Internal,
    Unavailable = 14 Unavailable,
    DataLoss = 15 DataLoss,
    Unauthenticated = 16 Unauthenticated,
);

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct UnaryResponseDefinition {
    #[micro(tag = 1)]
    pub(crate) response_headers: Vec<Header>,
    #[micro(tag = 2)]
    pub(crate) response_data: Option<Bytes>,
    #[micro(tag = 3)]
    pub(crate) error: Option<Failure>,
    #[micro(tag = 4)]
    pub(crate) response_trailers: Vec<Header>,
    #[micro(tag = 5)]
    pub(crate) raw_response: Option<RawHttpResponse>,
    #[micro(tag = 6)]
    pub(crate) response_delay_ms: u32,
}

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct StreamResponseDefinition {
    #[micro(tag = 1)]
    pub(crate) response_headers: Vec<Header>,
    #[micro(tag = 2)]
    pub(crate) response_data: Vec<Bytes>,
    #[micro(tag = 3)]
    pub(crate) response_delay_ms: u32,
    #[micro(tag = 4)]
    pub(crate) error: Option<Failure>,
    #[micro(tag = 5)]
    pub(crate) response_trailers: Vec<Header>,
    #[micro(tag = 6)]
    pub(crate) raw_response: Option<RawHttpResponse>,
}

/// A response that the suite's reference server returns. micro passes it on.
#[micro::message(package = "connectrpc.conformance.v1", name = "RawHTTPResponse")]
#[derive(Debug, Clone)]
pub(crate) struct RawHttpResponse {
    pub(crate) status_code: u32,
    pub(crate) headers: Vec<Header>,
    pub(crate) unary: Option<MessageContents>,
    pub(crate) stream: Option<StreamContents>,
    pub(crate) trailers: Vec<Header>,
}

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct MessageContents {
    pub(crate) binary: Option<Bytes>,
    pub(crate) text: Option<String>,
    pub(crate) binary_message: Option<Any>,
    /// The number of an enum, which JSON may have instead of its name.
    pub(crate) compression: u32,
}

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct StreamContents {
    pub(crate) items: Vec<StreamItem>,
}

#[micro::message(within = StreamContents)]
#[derive(Debug, Clone)]
pub(crate) struct StreamItem {
    pub(crate) flags: u32,
    pub(crate) length: Option<u32>,
    pub(crate) payload: Option<MessageContents>,
}

/// A request with a single response.
macro_rules! unary_request {
    ($($name:ident)*) => {$(
        #[micro::message(package = "connectrpc.conformance.v1", any)]
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            pub(crate) response_definition: Option<UnaryResponseDefinition>,
            pub(crate) request_data: Bytes,
        }
    )*};
}

unary_request!(UnaryRequest IdempotentUnaryRequest ClientStreamRequest);

#[micro::message(package = "connectrpc.conformance.v1", any)]
#[derive(Debug, Clone)]
pub(crate) struct ServerStreamRequest {
    pub(crate) response_definition: Option<StreamResponseDefinition>,
    pub(crate) request_data: Bytes,
}

#[micro::message(package = "connectrpc.conformance.v1", any)]
#[derive(Debug, Clone)]
pub(crate) struct BidiStreamRequest {
    pub(crate) response_definition: Option<StreamResponseDefinition>,
    pub(crate) full_duplex: bool,
    pub(crate) request_data: Bytes,
}

/// A response that contains a payload.
macro_rules! response {
    ($($name:ident)*) => {$(
        #[micro::message(package = "connectrpc.conformance.v1", any)]
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            pub(crate) payload: Option<ConformancePayload>,
        }

        impl From<ConformancePayload> for $name {
            fn from(payload: ConformancePayload) -> Self {
                Self { payload: Some(payload) }
            }
        }

        impl From<$name> for ConformancePayload {
            fn from(response: $name) -> Self {
                response.payload.unwrap_or_default()
            }
        }
    )*};
}

response!(
    UnaryResponse IdempotentUnaryResponse ServerStreamResponse ClientStreamResponse
    BidiStreamResponse
);

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone, Default)]
pub(crate) struct ConformancePayload {
    pub(crate) data: Bytes,
    pub(crate) request_info: Option<RequestInfo>,
}

#[micro::message(within = ConformancePayload, any)]
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestInfo {
    pub(crate) request_headers: Vec<Header>,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) requests: Vec<Any>,
    pub(crate) connect_get_info: Option<ConnectGetInfo>,
}

#[micro::message(within = ConformancePayload)]
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectGetInfo {
    pub(crate) query_params: Vec<Header>,
}

/// What the runner asks of a server.
#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug)]
pub(crate) struct ServerCompatRequest {
    #[micro(tag = 4)]
    pub(crate) use_tls: bool,
    #[micro(tag = 6)]
    pub(crate) message_receive_limit: u32,
}

/// Where the server listens.
#[micro::message(package = "connectrpc.conformance.v1")]
pub(crate) struct ServerCompatResponse {
    pub(crate) host: String,
    pub(crate) port: u32,
    pub(crate) pem_cert: Bytes,
}

#[micro::message(package = "connectrpc.conformance.v1")]
pub(crate) struct UnimplementedRequest;

#[micro::message(package = "connectrpc.conformance.v1")]
pub(crate) struct UnimplementedResponse;

impl From<UnimplementedResponse> for ConformancePayload {
    fn from(_: UnimplementedResponse) -> Self {
        Self::default()
    }
}

/// One call that the runner asks of a client.
#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Debug, Clone)]
pub(crate) struct ClientCompatRequest {
    #[micro(tag = 1)]
    pub(crate) test_name: String,
    #[micro(tag = 4)]
    pub(crate) codec: u32,
    #[micro(tag = 5)]
    pub(crate) compression: u32,
    #[micro(tag = 6)]
    pub(crate) host: String,
    #[micro(tag = 7)]
    pub(crate) port: u32,
    #[micro(tag = 10)]
    pub(crate) message_receive_limit: u32,
    #[micro(tag = 12)]
    pub(crate) method: Option<String>,
    #[micro(tag = 13)]
    pub(crate) stream_type: u32,
    #[micro(tag = 15)]
    pub(crate) request_headers: Vec<Header>,
    #[micro(tag = 16)]
    pub(crate) request_messages: Vec<Any>,
    #[micro(tag = 17)]
    pub(crate) timeout_ms: Option<u32>,
    #[micro(tag = 18)]
    pub(crate) request_delay_ms: u32,
    #[micro(tag = 19)]
    pub(crate) cancel: Option<Cancel>,
}

/// When the client is to give the call up.
#[micro::message(within = ClientCompatRequest)]
#[derive(Debug, Clone)]
pub(crate) struct Cancel {
    pub(crate) before_close_send: Option<()>,
    pub(crate) after_close_send_ms: Option<u32>,
    pub(crate) after_num_responses: Option<u32>,
}

/// What became of a call.
#[micro::message(package = "connectrpc.conformance.v1")]
pub(crate) struct ClientCompatResponse {
    pub(crate) test_name: String,
    pub(crate) response: Option<ClientResponseResult>,
    pub(crate) error: Option<ClientErrorResult>,
}

#[micro::message(package = "connectrpc.conformance.v1")]
#[derive(Default)]
pub(crate) struct ClientResponseResult {
    pub(crate) response_headers: Vec<Header>,
    pub(crate) payloads: Vec<ConformancePayload>,
    pub(crate) error: Option<Failure>,
    pub(crate) response_trailers: Vec<Header>,
    pub(crate) num_unsent_requests: i32,
}

#[micro::message(package = "connectrpc.conformance.v1")]
pub(crate) struct ClientErrorResult {
    pub(crate) message: String,
}
