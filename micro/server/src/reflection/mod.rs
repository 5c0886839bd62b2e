//! Server reflection, v1 and v1alpha: descriptors for clients that have no .proto file.

mod catalog;
mod messages;

use std::any::Any;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::mounts::Mounts;
use crate::reflection::catalog::Catalog;
use crate::reflection::messages::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use micro_core::handler::{
    Method, Parts, Resources, Route, Router, Sender, ServiceInfo, Streaming,
};
use micro_message::error::{Error, ErrorKind, Result};
use micro_schema::check_names;

const VERSIONS: [ServiceInfo; 2] = [
    ServiceInfo::new("grpc-reflection", "grpc.reflection.v1.ServerReflection").doc(DOC),
    ServiceInfo::new(
        "grpc-reflection",
        "grpc.reflection.v1alpha.ServerReflection",
    )
    .doc(DOC),
];

const DOC: &str = "Descriptors of all services, for clients that have no .proto file.";

const CANNOT_DESCRIBE: &str = "reflection cannot describe the services";

/// Returns an error for every name that protobuf does not allow, with the place of its definition.
/// Clients could not load the descriptors that reflection returns.
pub fn check_reflection(router: &Router) -> Vec<Error> {
    let problems = check_names(&router.routes());
    let named = |problem: Error| problem.context(CANNOT_DESCRIBE);
    problems.into_iter().map(named).collect()
}

/// Returns the routes of the reflection services, which describe `router`, the mounted services
/// and themselves.
///
/// # Errors
///
/// Returns an error when the types of the routes cannot be expressed in protobuf, or when the
/// descriptors of a mounted service are invalid.
pub(super) fn routes(
    router: &Router,
    mounts: &Mounts,
    draining: &CancellationToken,
) -> Result<Vec<Route>> {
    // The catalog contains the reflection services, and their routes need the catalog. These first
    // routes only serve to be described.
    let own = with(&Arc::new(Reflection::default()));
    let mut described = router.routes();
    described.extend(&own);
    if let Some(problem) = check_names(&described).into_iter().next() {
        return Err(problem.context(CANNOT_DESCRIBE));
    }
    let mut catalog = Catalog::new(&described).map_err(|error| error.context(CANNOT_DESCRIBE))?;
    catalog.add_encoded(mounts.files())?;
    Ok(with(&Arc::new(Reflection {
        catalog,
        draining: draining.clone(),
    })))
}

fn with(reflection: &Arc<Reflection>) -> Vec<Route> {
    let method = Method::bidirectional(
        "ServerReflectionInfo",
        |parts: Parts, questions| async move {
            let reflection = parts.service()?;
            Ok(Streaming::make(|out| answer(reflection, questions, out)))
        },
    )
    .doc("Answers each question about files and symbols.");
    let route = |info| {
        let instance: Arc<dyn Any + Send + Sync> = Arc::clone(reflection) as _;
        Route::new(info, &method, instance, Resources::new())
    };
    VERSIONS.map(route).into()
}

/// State shared by both services.
#[derive(Debug, Default)]
struct Reflection {
    catalog: Catalog,
    /// Ends reflection streams, which would otherwise delay the drain.
    draining: CancellationToken,
}

async fn answer(
    reflection: Arc<Reflection>,
    mut questions: Streaming<ServerReflectionRequest>,
    out: Sender<ServerReflectionResponse>,
) -> Result<()> {
    loop {
        let question = tokio::select! {
            biased;
            question = questions.next() => question,
            () = reflection.draining.cancelled() => {
                return Err(Error::unavailable("the server is stopping; ask another"));
            }
        };
        let Some(question) = question else {
            return Ok(());
        };
        out.send(reflection.respond(question?)).await?;
    }
}

impl Reflection {
    fn respond(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let mut response = ServerReflectionResponse {
            valid_host: request.host.clone(),
            ..ServerReflectionResponse::default()
        };
        if let Err(error) = self.fill(&request, &mut response) {
            response.error_response = Some(ErrorResponse {
                error_code: i32::try_from(error.kind().grpc_code()).unwrap_or(i32::MAX),
                error_message: error.message().to_owned(),
            });
        }
        response.original_request = Some(request);
        response
    }

    fn fill(
        &self,
        request: &ServerReflectionRequest,
        response: &mut ServerReflectionResponse,
    ) -> Result<()> {
        let none = |what: &str, name: &str| {
            let name = name.escape_debug();
            Error::new(ErrorKind::NotFound, format!("no {what} `{name}`"))
        };
        let file = if let Some(name) = &request.file_by_filename {
            self.catalog.file(name).ok_or_else(|| none("file", name))?
        } else if let Some(symbol) = &request.file_containing_symbol {
            let file = self.catalog.file_of(symbol);
            file.ok_or_else(|| none("symbol", symbol))?
        } else if let Some(extension) = &request.file_containing_extension {
            let number = extension.extension_number;
            let what = format!("extension {number} of");
            return Err(none(&what, &extension.containing_type));
        } else if let Some(name) = &request.all_extension_numbers_of_type {
            if !self.catalog.has_message(name) {
                return Err(none("message", name));
            }
            response.all_extension_numbers_response = Some(ExtensionNumberResponse {
                base_type_name: name.clone(),
                extension_number: Vec::new(),
            });
            return Ok(());
        } else if request.list_services.is_some() {
            let services = self.catalog.services.iter();
            let service = services.map(|name| ServiceResponse { name: name.clone() });
            response.list_services_response = Some(ListServiceResponse {
                service: service.collect(),
            });
            return Ok(());
        } else {
            return Err(Error::invalid_argument("the request asks nothing"));
        };
        response.file_descriptor_response = Some(FileDescriptorResponse {
            file_descriptor_proto: vec![file],
        });
        Ok(())
    }
}
