//! What a generated client calls. Stands in for `client` until that rung is there: a call answers
//! `Unimplemented`.

use std::future::{Future, IntoFuture, ready};
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use crate::codec::Message;
use crate::error::{Error, Result};
use crate::handler::{BoxFuture, FromApp, MethodInfo, Resources};

/// A method's description, made on the first call.
pub type LazyMethod = LazyLock<Arc<MethodInfo>>;

/// The description of a method.
pub fn method(info: MethodInfo) -> Arc<MethodInfo> {
    Arc::new(info)
}

/// Calls services.
#[derive(Debug, Clone)]
pub struct Client(());

impl FromApp for Client {
    fn from_app(_: &Resources) -> Result<Self> {
        Ok(Self(()))
    }
}

/// A call that is not sent yet.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct Request<Reply> {
    reply: PhantomData<fn() -> Reply>,
}

impl<Reply: Message> IntoFuture for Request<Reply> {
    type Output = Result<Reply>;
    type IntoFuture = BoxFuture<'static, Result<Reply>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(ready(Err(Error::unimplemented("there is no client yet"))))
    }
}

/// A call of a method.
pub fn request<Question: Message, Reply: Message>(
    _client: &Client,
    _method: &LazyMethod,
    _question: Question,
) -> Request<Reply> {
    Request { reply: PhantomData }
}

/// A client with the settings of file and environment.
pub fn connect() -> impl Future<Output = Result<Client>> + Send {
    ready(Ok(Client(())))
}
