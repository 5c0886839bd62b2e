//! In the place of OpenAPI's pages where the cargo feature `openapi` is off: there are none.

use bytes::Bytes;

use micro_core::handler::Router;
use micro_message::error::Result;

/// A page. None exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {}

impl File {
    pub(super) fn at(_: &str) -> Option<Self> {
        None
    }
}

/// A description of what is served. None exists.
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
