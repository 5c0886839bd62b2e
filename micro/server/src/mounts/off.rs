//! Replaces mounted services when the cargo feature `tower` is off: there are none.

#![allow(
    clippy::unused_self,
    clippy::unused_async,
    clippy::unnecessary_wraps,
    reason = "the signatures are those of the feature"
)]

use http::Request;

use crate::body::{HttpResponse, Incoming};
use crate::state::ConnectionState;
use micro_core::handler::Router;
use micro_message::error::Result;

/// No mounted services.
#[derive(Debug, Default)]
pub(crate) struct Mounts(());

/// A mounted service, of which there is none.
#[derive(Debug)]
pub(super) enum Mounted {}

impl Mounts {
    pub(super) fn is_empty(&self) -> bool {
        true
    }

    pub(super) fn grpc_services(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    #[cfg(feature = "reflection")]
    pub(super) fn files(&self) -> &[bytes::Bytes] {
        &[]
    }

    pub(super) fn at(&self, _: &str) -> Option<&Mounted> {
        None
    }

    pub(super) fn fallback_service(&self) -> Option<&Mounted> {
        None
    }

    pub(super) fn check(&self, _: &Router) -> Result<()> {
        Ok(())
    }
}

impl Mounted {
    pub(super) async fn serve(&self, _: &ConnectionState, _: Request<Incoming>) -> HttpResponse {
        match *self {}
    }
}
