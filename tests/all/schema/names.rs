//! Names that protobuf does not allow are found when the app starts, because clients could not load
//! the descriptors that reflection returns.

use std::sync::Arc;

use micro::handler::{Location, Method, Served, Service, ServiceInfo};
use micro::prelude::*;

#[micro::message(package = "odd.v1")]
#[derive(Clone, Copy)]
enum Kind {
    #[micro(name = "UNKNOWN")]
    Unknown,
    A,
}

#[micro::message(package = "odd.v1")]
#[derive(Clone, Copy)]
enum Level {
    #[micro(name = "UNKNOWN")]
    Unknown,
    B,
}

#[micro::message(package = "odd.v1")]
struct Odd {
    kind: Kind,
    level: Level,
}

/// Implements `Service` by hand: the macro would add it to the schema that other tests compare.
struct Svc;

impl Service for Svc {
    fn served() -> Vec<Served> {
        let info = ServiceInfo::new("odd", "odd.v1.Svc");
        let method = Method::unary("Get", |_: Arc<Self>, _: Context, odd: Odd| async {
            Ok(odd)
        });
        vec![Served::new(info).method(method.location(Location::new("odd.rs", 7)))]
    }
}

#[tokio::test]
async fn enum_values_that_clash_are_reported_at_start_with_their_place() {
    let error = App::builder().service(Svc).build().await.unwrap_err();
    for part in [
        "`/odd.v1.Svc/Get` (odd.rs:7)",
        "`odd.v1.UNKNOWN` is defined twice, by `odd.v1.Kind` and by `odd.v1.Level`",
        "rename one of them with `name = \"…\"`",
    ] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[tokio::test]
async fn without_reflection_the_names_are_not_checked() {
    let app = App::builder().service(Svc).setting("reflection", "false");
    app.build().await.unwrap();
}
