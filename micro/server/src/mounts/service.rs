//! The boundary to `tower::Service`: bodies and type erasure.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::body::{BodyError, Incoming};
use crate::cancelled::Cancelled;
use micro_core::handler::BoxFuture;
use micro_core::internal::{CallRecord, catch_panic};
use micro_message::error::{Error, Result};

/// The body of a request to a mounted service.
#[derive(Debug)]
pub struct RequestBody(Incoming);

impl RequestBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self(body)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        polled.map_err(|error| {
            Error::unavailable("the body of the request ended early").with_source(error)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A response of a mounted service.
pub(super) type MountedResponse = http::Response<UnsyncBoxBody<Bytes, BodyError>>;

/// An HTTP service that can be [mounted](super::Mounts): a `tower::Service` from
/// `http::Request<RequestBody>` to `http::Response`, with a body of [`Bytes`].
///
/// It is implemented for every such service that is `Clone`, `Send` and `Sync`: an axum `Router`,
/// tonic's `Routes`, a stack of `tower` layers. Each request is served by a clone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    note = "needed: `tower::Service<http::Request<micro::server::RequestBody>>` that returns an \
            `http::Response`, and `Clone + Send + Sync + 'static`",
    note = "an axum router still needs its state: call `with_state` first"
)]
pub trait HttpService: ErasedService + 'static {}

impl<S: ErasedService + 'static> HttpService for S {}

/// A service whose type is erased. Its module is private, so that [`HttpService`] is sealed.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be mounted")]
pub trait ErasedService: Send + Sync {
    /// Serves a request.
    fn serve(&self, request: Request<RequestBody>) -> BoxFuture<'static, Result<MountedResponse>>;
}

impl<S, B> ErasedService for S
where
    S: Service<Request<RequestBody>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BodyError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    fn serve(&self, request: Request<RequestBody>) -> BoxFuture<'static, Result<MountedResponse>> {
        let mut service = self.clone();
        Box::pin(async move {
            let failed =
                |error: S::Error| Error::internal("the mounted service failed").with_source(error);
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
            let response = service.call(request).await.map_err(failed)?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

/// The body of a response of a mounted service. It fails when the server aborts its calls.
#[derive(Debug)]
pub(crate) struct MountedBody {
    body: UnsyncBoxBody<Bytes, BodyError>,
    cut: Cancelled,
    record: Option<Arc<CallRecord>>,
}

impl MountedBody {
    pub(super) fn new(
        body: UnsyncBoxBody<Bytes, BodyError>,
        cut: CancellationToken,
        record: Option<Arc<CallRecord>>,
    ) -> Self {
        Self {
            body,
            cut: Cancelled::new(cut),
            record,
        }
    }

    /// Returns the next frame. A panic of the body is an error, which ends the response.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let panicked = || Poll::Ready(Some(Err("the body of a mounted service panicked".into())));
        let polled = catch_panic(|| Pin::new(&mut self.body).poll_frame(cx), panicked);
        if polled.is_pending() && Pin::new(&mut self.cut).poll(cx).is_ready() {
            let error = Error::unavailable("the server has stopped");
            if let Some(record) = &self.record {
                record.fail(&error, false);
            }
            return Poll::Ready(Some(Err(error.into())));
        }
        match (&polled, &self.record) {
            (Poll::Ready(Some(Err(error))), record) => {
                tracing::error!(error, "the body of a mounted service failed");
                if let Some(record) = record {
                    let error = Error::internal("the body failed after the response had begun");
                    record.fail(&error, true);
                }
            }
            (Poll::Ready(Some(Ok(frame))), Some(record)) => {
                record.sent(frame.data_ref().map_or(0, Bytes::len));
                if self.body.is_end_stream() {
                    record.succeed();
                }
            }
            (Poll::Ready(None), Some(record)) => record.succeed(),
            _ => {}
        }
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
