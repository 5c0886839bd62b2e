//! Services with attributes: what they serve and what their methods receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use micro::handler::{Body, HttpRule, MethodError, Payload, Resources, Route, Router, Service};
use micro::{Call, Caller, Context, Error, ErrorKind, Result};

#[micro::message]
#[derive(Debug, PartialEq)]
struct Text {
    text: String,
}

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// Greets.
///
/// Twice.
#[micro::service(version = "1.2.3", metadata(zone = "a", "x-y" = "b"))]
#[derive(Default)]
struct OrderGreeter {
    #[micro(default)]
    count: AtomicU64,
    #[micro(value = "Hello".to_owned())]
    word: String,
}

#[micro::service]
impl OrderGreeter {
    /// Says hello.
    #[micro::rpc(idempotent, timeout = "1.5s")]
    async fn say_hello(&self, context: Context, name: Text) -> Result<Text> {
        self.count.fetch_add(1, Ordering::SeqCst);
        assert!(context.remaining().is_some());
        Ok(text(format!("{} {}", self.word, name.text)))
    }

    #[cfg(any())]
    #[micro::rpc]
    async fn gone(&self, name: Missing) -> Result<Missing> {
        Ok(name)
    }

    fn helper(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

#[micro::service]
impl OrderGreeter {
    #[micro::rpc(
        name = "Fails",
        max_message_size = "1KiB",
        http("GET /v1/order-greeter/{text}"),
        http("POST /v1/order-greeter:say", body = "*")
    )]
    async fn fail(&self, _caller: Caller, _: Text) -> std::result::Result<Text, Refusal> {
        Err(Refusal(self.helper()))
    }

    #[micro::rpc]
    async fn nothing(&self, _context: Context) -> Result<()> {
        Ok(())
    }
}

#[micro::rpc(service = OrderGreeter)]
async fn goodbye(greeter: &OrderGreeter, name: Text) -> Result<Text> {
    let count = greeter.helper();
    Ok(text(format!("Bye {}, after {count}", name.text)))
}

struct Refusal(u64);

impl MethodError for Refusal {
    type Caller = Error;

    fn into_wire_error(self) -> Error {
        Error::permission_denied(format!("not after {}", self.0))
    }
}

fn router<S: Service>(service: S) -> Router {
    let (service, mut router) = (Arc::new(service), Router::new());
    for served in S::served() {
        for method in served.iter() {
            let instance: Arc<S> = Arc::clone(&service);
            router
                .add(Route::new(
                    *served.info(),
                    method,
                    instance,
                    Resources::new(),
                ))
                .unwrap();
        }
    }
    router
}

async fn call(router: &Router, path: &str, request: Text) -> Result<Text> {
    let route = router.get(path).unwrap();
    let body = Body::One(Payload::value(request));
    let reply = route.run(Call::new(Context::new(), Arc::clone(&route.method), body));
    reply.await?.into_message()
}

#[test]
fn names_and_documents_follow_the_source() {
    let info = OrderGreeterClient::INFO;
    assert_eq!(info.name, "order-greeter");
    assert_eq!(info.wire, "order_greeter.OrderGreeter");
    assert_eq!(info.version, "1.2.3");
    assert_eq!(info.doc, "Greets.\n\nTwice.");
    assert_eq!(info.metadata, [("zone", "a"), ("x-y", "b")]);
    assert!(info.location.unwrap().file.ends_with("served.rs"));
}

#[test]
fn methods_come_from_every_block_and_function() {
    let router = router(OrderGreeter::default());
    let routes: Vec<_> = router.routes();
    let names: Vec<_> = routes.iter().map(|route| route.method.name()).collect();
    assert_eq!(names, ["Fails", "Goodbye", "Nothing", "SayHello"]);
    let hello = &routes[3];
    assert_eq!(hello.doc, "Says hello.");
    assert!(hello.method.options.idempotent);
    assert_eq!(
        hello.method.options.timeout,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(routes[0].method.options.timeout, None);
    let fails = &routes[0];
    assert_eq!(fails.method.options.max_message_size, Some(1024));
    let [get, post] = fails.http else {
        panic!("{:?}", fails.http);
    };
    let said = |rule: &HttpRule| (rule.verb, rule.path, rule.body);
    assert_eq!(said(get), ("GET", "/v1/order-greeter/{text}", ""));
    assert_eq!(said(post), ("POST", "/v1/order-greeter:say", "*"));
    // The location of each method is its own line.
    assert!(hello.location.unwrap().line < routes[0].location.unwrap().line);
}

#[tokio::test]
async fn methods_get_their_parameters_and_errors_keep_their_kind() {
    let router = router(OrderGreeter {
        word: "Hi".into(),
        ..OrderGreeter::default()
    });
    let hello = call(&router, "/order_greeter.OrderGreeter/SayHello", text("Ada")).await;
    assert_eq!(hello.unwrap(), text("Hi Ada"));
    let bye = call(&router, "/order_greeter.OrderGreeter/Goodbye", text("Ada")).await;
    assert_eq!(bye.unwrap(), text("Bye Ada, after 1"));
    let failed = call(&router, "/order_greeter.OrderGreeter/Fails", text("Ada")).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::PermissionDenied);
    assert_eq!(failed.to_string(), "not after 1");
}
