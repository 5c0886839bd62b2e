//! What a generated client calls.

use std::sync::{Arc, LazyLock};

use crate::codec::Message;
use crate::handler::MethodInfo;

pub use crate::app::connect;
pub use crate::client::{Client, Request};

/// A method's description, made on the first call.
pub type LazyMethod = LazyLock<Arc<MethodInfo>>;

/// The description of a method.
pub fn method(info: MethodInfo) -> Arc<MethodInfo> {
    Arc::new(info)
}

/// A call of a method.
pub fn request<Question: Message, Reply: Message>(
    client: &Client,
    method: &LazyMethod,
    question: Question,
) -> Request<Reply> {
    client.call(method, question)
}
