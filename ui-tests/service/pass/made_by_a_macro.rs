//! Services that a `macro_rules!` macro writes, several of them on one source line.

#![deny(warnings)]

use micro::handler::Service;
use micro::prelude::*;

macro_rules! echo {
    (wraps $($name:ident $hook:ident)*) => {$(
        #[micro::wrap]
        async fn $name(call: Call, next: Next<'_>) -> Result<Response> {
            next.run(call).await
        }

        #[micro::on(stop)]
        async fn $hook(first: FirstClient, second: &Second) -> Result<()> {
            let _ = (first, second);
            Ok(())
        }
    )*};
    (function $service:ident $name:ident $message:ident) => {
        #[micro::rpc(service = $service)]
        async fn $name(_: Context, service: &$service, request: $message) -> Result<$message> {
            let _ = service;
            Ok(request)
        }
    };
    (contract $name:ident $method:ident $service:ident) => {
        #[micro::service]
        trait $name {
            #[micro::rpc]
            async fn $method(&self, context: Context) -> Result<()>;
        }

        #[micro::service]
        impl $name for $service {
            async fn $method(&self, _: Context) -> Result<()> {
                Ok(())
            }
        }
    };
    ($($service:ident $method:ident $message:ident;)*) => {$(
        #[micro::message]
        struct $message {
            name: String,
        }

        #[micro::service]
        struct $service;

        #[micro::service]
        impl $service {
            #[micro::rpc]
            async fn $method(&self, request: $message) -> Result<$message> {
                Ok(request)
            }
        }

        #[micro::service]
        impl $service {
            #[micro::rpc]
            async fn again(&self, request: $message) -> Result<$message> {
                Ok(request)
            }
        }
    )*};
}

echo! { wraps around after }
echo! { function First three Left }
echo! { contract Cart get First }
echo! { First one Left; Second two Right; }

fn main() {
    assert_eq!(First::served()[0].iter().count(), 3);
    assert_eq!(First::served().len(), 2);
    assert_eq!(Second::served()[0].iter().count(), 2);
}
