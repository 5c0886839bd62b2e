//! In the place of OpenAPI's pages where the cargo feature `openapi` is off: there are none.

use crate::body::HttpReply;
use micro_core::handler::Router;

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

    pub(super) fn serve(&self, _: File, _: &Router) -> HttpReply {
        match *self {}
    }

    pub(super) fn redirect(&self) -> HttpReply {
        match *self {}
    }
}
