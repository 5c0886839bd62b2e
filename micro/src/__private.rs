//! Every name that generated code may use. Not for people: it changes without notice.

pub mod codec;
mod call;
mod check;

#[doc(hidden)]
pub use ::inventory;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use ::linkme;

pub use crate::__submit as submit;
pub use crate::app::{LinkedHook, Moment, Program, connect, run};
pub use crate::client::{Client, Request};
pub use crate::error::Result;
pub use crate::handler::{
    BoxFuture, Call, FromApp, LinkedMethods, LinkedService, Location, Method, MethodInfo, Parts,
    Reply, Resources, Served, Service, ServiceInfo, served,
};
pub use crate::testing::test;
pub use crate::wrap::{LinkedWrap, Next, On};
#[cfg(feature = "linkme")]
pub use crate::{
    app::LINKED_HOOKS,
    handler::{LINKED_METHODS, LINKED_SERVICES},
    wrap::LINKED_WRAPS,
};

pub use self::call::{
    Answer, Contract, LazyMethod, Question, Target, answer, methods, question, request, unary,
};
pub use self::check::{
    Borrowed, Building, FromAppOnly, IntoError, Returned, WrappedCall, WrappedNext, borrowed,
    built, construct, field, finish, finish_hook, finish_wrap, injected, injected_parameter,
    injected_service, is_service, parameter, sendable, wrapped_call, wrapped_next,
};
