//! The messages of `grpc.reflection.v1`; `v1alpha` has the same bytes.
//!
//! Their oneofs are optional fields here, of which one is set: the same bytes again.

/// What is asked; one of the optional fields is set.
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

/// A field that extends a message of proto2.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ExtensionRequest {
    pub(super) containing_type: String,
    pub(super) extension_number: i32,
}

/// What is answered; one of the optional fields is set.
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

/// Descriptor files, each encoded.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct FileDescriptorResponse {
    pub(super) file_descriptor_proto: Vec<bytes::Bytes>,
}

/// The numbers of a message's extensions.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ExtensionNumberResponse {
    pub(super) base_type_name: String,
    pub(super) extension_number: Vec<i32>,
}

/// All services.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ListServiceResponse {
    pub(super) service: Vec<ServiceResponse>,
}

/// One service.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceResponse {
    pub(super) name: String,
}

/// Why there is no answer.
#[micro::message(package = "grpc.reflection.v1")]
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorResponse {
    pub(super) error_code: i32,
    pub(super) error_message: String,
}
