//! Every name that generated code may use. Not for people: it changes without notice.

pub mod codec;
mod call;
mod check;
pub mod error;
mod event;
mod stream;

#[doc(hidden)]
pub use ::inventory;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use ::linkme;

pub use futures_core::Stream;

pub use crate::__submit as submit;
pub use crate::app::{LinkedEvery, LinkedHook, Moment, Program, connect, run};
pub use crate::broker::{Ack, Options};
pub use crate::client::{Client, Request};
pub use crate::error::{Error, ErrorKind, Result, Typed};
pub use crate::handler::{
    BoxFuture, Call, Describe, Durable, FromApp, HttpRule, LinkedMethods, LinkedService,
    LinkedSubscribers, Location, Method, MethodError, MethodInfo, Parts, Reply, Resources, Served,
    Service, ServiceInfo, StreamItem, Streaming, Subscriber, served,
};
pub use crate::testing::test;
pub use crate::types::LinkedMessage;
pub use crate::wrap::{LinkedWrap, Next, On};
#[cfg(feature = "linkme")]
pub use crate::{
    app::{LINKED_EVERYS, LINKED_HOOKS},
    handler::{LINKED_METHODS, LINKED_SERVICES, LINKED_SUBSCRIBERS},
    types::LINKED_MESSAGES,
    wrap::LINKED_WRAPS,
};

pub use self::call::{
    Answer, Asked, Contract, LazyMethod, Question, Replied, Target, Yields, answer, answers,
    method, methods, question, questions, request, requests, yields,
};
pub use self::check::{
    Borrowed, Building, CallerError, FromAppOnly, IntoError, Returned, WrappedCall, WrappedNext,
    Yielded, borrowed, built, construct, field, finish, finish_hook, finish_wrap, injected,
    injected_parameter, injected_service, is_service, parameter, sendable, wrapped_call,
    wrapped_next,
};
pub use self::event::{Heard, OnTopic, on_topic, subscriber, subscribers, topic_of};
pub use self::stream::{Out, bare, pump, stream};
