//! `cfg`, `deprecated`, docs, visibility and lints are copied to the client; bodies do not change.

#![deny(warnings, missing_docs)]


use micro::prelude::*;

/// A name.
#[micro::message]
pub struct Hello {
    /// The name.
    pub name: String,
}

/// A service.
#[micro::service]
pub struct Greeter;

#[micro::service]
impl Greeter {
    /// Says hello.
    ///
    /// Loudly.
    #[micro::rpc]
    #[deprecated = "say `hi`"]
    pub async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }

    /// Only here.
    #[cfg(not(any()))]
    #[micro::rpc(name = "Only")]
    pub async fn here(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }

    /// Only elsewhere.
    #[cfg(any())]
    #[micro::rpc(name = "Only")]
    pub async fn there(&self, request: Missing) -> Result<Missing> {
        Ok(request)
    }

    #[micro::rpc]
    pub(crate) async fn undocumented(&self, mut request: Hello) -> Result<Hello> {
        request.name.push('!');
        macro_rules! inner {
            ($($any:tt)*) => {};
        }
        inner!(fn half struct);
        Ok(request)
    }
}

/// Made way for another one.
#[deprecated]
#[micro::service(package = "old")]
pub trait Former {
    /// Says hello.
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello>;
}

#[cfg(any())]
#[micro::rpc(service = Greeter)]
async fn absent(request: Missing) -> Result<Missing> {
    Ok(request)
}

fn main() {
    let _ = GreeterClient::here;
    let _ = GreeterClient::undocumented;
    #[allow(deprecated)]
    let _ = GreeterClient::hello;
}
