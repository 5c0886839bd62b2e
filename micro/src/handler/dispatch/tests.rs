//! What the frame around handlers promises.

use super::*;
use crate::error::ErrorKind;

#[micro::message]
#[derive(Debug, PartialEq)]
struct Number {
    value: u32,
}

const INFO: ServiceInfo = ServiceInfo::new("numbers", "numbers.Numbers");

fn route(method: &Method) -> Route {
    Route::new(INFO, method, Arc::new(()), Resources::new())
}

async fn run(route: &Route) -> Result<Reply> {
    let body = Body::One(Payload::value(Number { value: 1 }));
    let call = Call::new(Context::new(), Arc::clone(&route.method), body);
    route.run(call).await
}

/// Panics before there is a future.
struct Hasty;

impl Endpoint for Hasty {
    fn call(&self, _: Call) -> BoxFuture<'_, Result<Reply>> {
        panic!("secret")
    }
}

#[tokio::test]
async fn panic_before_there_is_a_future_is_an_error() {
    let method = Method::unary("Hasty", |_: Arc<()>, _, number: Number| async {
        Ok(number)
    });
    let route = route(&method).around(|_| Arc::new(Hasty));
    let error = run(&route).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(!error.message().contains("secret"), "{error}");
}

#[test]
fn reply_taken_apart_has_its_trailers() {
    let mut reply = Reply::new(Number { value: 1 });
    reply.metadata_mut().insert("before", "1").unwrap();
    reply.trailers_mut().insert("after", "2").unwrap();
    let (before, body, after) = reply.into_parts();
    assert_eq!(before.get("before"), Some("1"));
    assert!(matches!(body, Body::One(_)));
    assert_eq!(after.get("after"), Some("2"));
}
