//! `grpc.health.v1`: Check, List, Watch; and how a drain ends a watch.

use super::*;

/// Encodes a `HealthCheckRequest` for a service.
fn ask(service: &str) -> Bytes {
    // Field 1 is a string, as in `Text`.
    if service.is_empty() {
        frame(b"")
    } else {
        text(service)
    }
}

const SERVING: &[u8] = &[8, 1];
const NOT_SERVING: &[u8] = &[8, 2];
const SERVICE_UNKNOWN: &[u8] = &[8, 3];

#[tokio::test]
async fn check_tells_of_the_server_and_of_each_service() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let check = async |service: &str| {
        let path = "/grpc.health.v1.Health/Check";
        grpc.call(path, &[], ask(service)).await
    };
    assert_eq!(check("").await.body, frame(SERVING));
    assert_eq!(check("test.Test").await.body, frame(SERVING));
    served
        .health
        .service_not_serving("test.Test", "no database");
    assert_eq!(check("").await.body, frame(SERVING));
    assert_eq!(check("test.Test").await.body, frame(NOT_SERVING));
    let unknown = check("no.Service").await;
    assert_eq!(unknown.code(), 5);
    assert!(unknown.message().contains("`test.Test`"), "{unknown:?}");
}

#[tokio::test]
async fn list_tells_of_all() {
    let served = Served::new().await;
    served
        .health
        .service_not_serving("test.Test", "no database");
    let json = [("content-type", "application/json")];
    let answer = served
        .grpc()
        .await
        .call("/grpc.health.v1.Health/List", &json, "{}".into())
        .await;
    let list: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(list["statuses"][""]["status"], "SERVING");
    assert_eq!(list["statuses"]["test.Test"]["status"], "NOT_SERVING");
}

async fn watch(served: &Served, service: &str) -> h2::RecvStream {
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let request = request("/grpc.health.v1.Health/Watch", &[]);
    let (response, mut stream) = send.send_request(request, false).unwrap();
    stream.send_data(ask(service), true).unwrap();
    within(response).await.unwrap().into_body()
}

async fn said(body: &mut h2::RecvStream) -> Bytes {
    within(body.data()).await.unwrap().unwrap()
}

#[tokio::test]
async fn watch_tells_each_change_once_and_ends_when_the_server_drains() {
    let served = Served::new().await;
    let mut test = watch(&served, "test.Test").await;
    let mut unknown = watch(&served, "no.Service").await;
    assert_eq!(said(&mut test).await, frame(SERVING));
    assert_eq!(said(&mut unknown).await, frame(SERVICE_UNKNOWN));
    served.health.not_serving("starting again");
    assert_eq!(said(&mut test).await, frame(NOT_SERVING));
    served
        .health
        .service_not_serving("test.Test", "no change to it");
    served.health.service_serving("test.Test");
    served.health.serving();
    assert_eq!(said(&mut test).await, frame(SERVING));
    let draining = tokio::spawn(served.running.drain(Duration::from_secs(20)));
    assert_eq!(said(&mut test).await, frame(NOT_SERVING));
    for mut body in [test, unknown] {
        assert!(within(body.data()).await.is_none());
        let trailers = body.trailers().await.unwrap().unwrap();
        assert_eq!(trailers["grpc-status"], "14");
    }
    assert_eq!(within(draining).await.unwrap().cut, []);
}
