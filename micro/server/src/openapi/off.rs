//! Replaces the OpenAPI pages when the cargo feature `openapi` is off.

use bytes::Bytes;

use micro_core::handler::Router;
use micro_message::error::Result;

/// A file of the OpenAPI page. Has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {}

impl File {
    pub(super) fn at(_: &str) -> Option<Self> {
        None
    }
}

/// The OpenAPI description of the services. Has no values.
#[derive(Debug)]
pub(super) enum Description {}

impl Description {
    pub(super) fn offered(_: bool) -> Option<Self> {
        None
    }

    pub(super) fn content(&self, _: File, _: &Router) -> Result<(&'static str, Bytes)> {
        match *self {}
    }
}
