//! User types with the names of standard types, and without a prelude.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![deny(missing_docs, unreachable_pub, unused_qualifications)]

mod core {}
mod std {}
mod micro {}
mod alloc {}

#[allow(dead_code)]
struct Box;
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Service;
#[allow(dead_code)]
struct Vec;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Client;
#[allow(dead_code)]
enum Send {}
#[allow(dead_code)]
struct Request;
#[allow(dead_code)]
struct Method;
#[allow(dead_code, non_camel_case_types)]
struct __Service;
#[allow(dead_code)]
fn __methods() {}
#[allow(non_upper_case_globals, dead_code)]
const __METHOD: () = ();

#[::micro::message]
struct String {
    value: ::std::string::String,
}

#[::micro::error]
enum Error {
    #[micro(not_found, "none of `{0}` {1:?}")]
    String(::std::string::String, u64),
    #[micro(internal, "{value} {type}")]
    Result { value: u64, r#type: u64 },
    #[micro(aborted, "none")]
    None,
    #[micro(other)]
    Other(::micro::Error),
}

#[::micro::error]
#[derive(::core::fmt::Debug)]
enum Display {
    #[micro(unknown, "{{}}")]
    Debug,
}

struct Never;

impl ::micro::prelude::Stream for Never {
    type Item = String;

    fn poll_next(
        self: ::core::pin::Pin<&mut Self>,
        _: &mut ::core::task::Context<'_>,
    ) -> ::core::task::Poll<::core::option::Option<String>> {
        ::core::task::Poll::Pending
    }
}

#[::micro::service]
struct Default {
    #[micro(default)]
    count: u64,
}

#[::micro::service]
impl Default {
    #[::micro::rpc(timeout = "1s", idempotent)]
    async fn r#async(&self, context: ::micro::Context, request: String) -> ::micro::Result<String> {
        let _ = (context, self.count);
        ::micro::Result::Ok(request)
    }

    #[::micro::rpc(http("GET /v1/{value}"), max_message_size = "1KiB")]
    async fn many(
        &self,
        request: String,
    ) -> ::micro::Result<impl ::micro::prelude::Stream<Item = ::micro::Result<String>>> {
        ::micro::Result::Ok(::micro::prelude::stream(async move |out| {
            let _ = self.count;
            out.send(request).await
        }))
    }

    #[::micro::rpc]
    async fn each(
        &self,
        input: ::micro::Streaming<String>,
    ) -> ::core::result::Result<::micro::Streaming<String>, Error> {
        ::core::result::Result::Ok(input)
    }

    #[::micro::rpc]
    async fn bare(&self) -> impl ::micro::prelude::Stream<Item = String> + use<> {
        Never
    }

    #[::micro::rpc]
    async fn none(&self) -> ::micro::Result<()> {
        ::micro::Result::Ok(())
    }
}

#[::micro::rpc(service = Default)]
async fn free(service: &Default, request: String) -> ::micro::Result<String> {
    let _ = service;
    ::micro::Result::Ok(request)
}

#[::micro::service]
trait Contract {
    #[::micro::rpc]
    async fn get(&self, request: String) -> ::micro::Result<String>;

    #[::micro::rpc]
    async fn watch(&self) -> ::micro::Result<impl ::micro::prelude::Stream<Item = String>>;
}

#[::micro::service]
impl Contract for Default {
    async fn watch(&self) -> ::micro::Result<impl ::micro::prelude::Stream<Item = String>> {
        ::micro::Result::Ok(Never)
    }

    async fn get(&self, request: String) -> ::micro::Result<String> {
        ::micro::Result::Ok(request)
    }
}

#[::micro::wrap(order = -1, on = "all", service = "default", method = "get")]
async fn wrapped(call: ::micro::Call, next: ::micro::Next<'_>) -> ::micro::Result<::micro::Response> {
    next.run(call).await
}

#[::micro::on(start)]
async fn begin(client: DefaultClient) {
    let _ = client;
}

fn main() {
    let _ = (DefaultClient::INFO, ContractClient::INFO);
    let _ = (Error::String, Error::None, Display::Debug);
    let _ = Error::Result {
        value: 1,
        r#type: 2,
    };
    let _ = <Default as ::micro::handler::Service>::served;
}
