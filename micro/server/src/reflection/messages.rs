//! The messages of `grpc.reflection.v1`, which are encoded like those of `v1alpha`.
//!
//! Each oneof is declared as optional fields, of which exactly one is set. The encoding is the
//! same.

/// A reflection request. Exactly one of the optional fields is set.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ServerReflectionRequest {
    #[micro(tag = 1)]
    pub(super) host: String,
    #[micro(tag = 3)]
    pub(super) file_by_filename: Option<String>,
    #[micro(tag = 4)]
    pub(super) file_containing_symbol: Option<String>,
    #[micro(tag = 5)]
    pub(super) file_containing_extension: Option<ExtensionRequest>,
    #[micro(tag = 6)]
    pub(super) all_extension_numbers_of_type: Option<String>,
    #[micro(tag = 7)]
    pub(super) list_services: Option<String>,
}

/// An extension field of a proto2 message.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ExtensionRequest {
    pub(super) containing_type: String,
    pub(super) extension_number: i32,
}

/// A reflection response. Exactly one of the optional fields is set, besides the original request.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ServerReflectionResponse {
    #[micro(tag = 1)]
    pub(super) valid_host: String,
    #[micro(tag = 2)]
    pub(super) original_request: Option<ServerReflectionRequest>,
    #[micro(tag = 4)]
    pub(super) file_descriptor_response: Option<FileDescriptorResponse>,
    #[micro(tag = 5)]
    pub(super) all_extension_numbers_response: Option<ExtensionNumberResponse>,
    #[micro(tag = 6)]
    pub(super) list_services_response: Option<ListServiceResponse>,
    #[micro(tag = 7)]
    pub(super) error_response: Option<ErrorResponse>,
}

/// Encoded descriptor files.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct FileDescriptorResponse {
    pub(super) file_descriptor_proto: Vec<bytes::Bytes>,
}

/// The extension numbers of a message.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ExtensionNumberResponse {
    pub(super) base_type_name: String,
    pub(super) extension_number: Vec<i32>,
}

/// The services of a server.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ListServiceResponse {
    pub(super) service: Vec<ServiceResponse>,
}

/// A service.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceResponse {
    pub(super) name: String,
}

/// Why a request failed.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorResponse {
    pub(super) error_code: i32,
    pub(super) error_message: String,
}
