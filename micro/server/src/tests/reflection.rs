//! Reflection: every kind of request, in both versions.

use super::*;

/// Sends all requests on one stream, in JSON. Returns the responses in order.
async fn ask(served: &Served, version: &str, questions: &[&str]) -> Vec<serde_json::Value> {
    let frames: Vec<_> = questions
        .iter()
        .map(|json| frame(json.as_bytes()))
        .collect();
    let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    let json = [("content-type", "application/grpc+json")];
    let grpc = served.grpc().await;
    let answer = grpc.call(&path, &json, frames.concat().into()).await;
    assert_eq!(answer.code(), 0, "{answer:?}");
    let messages = answer.messages();
    let read = |message| serde_json::from_slice(message).unwrap();
    messages.iter().map(|message| read(message)).collect()
}

#[tokio::test]
async fn services_are_listed_in_both_versions() {
    let served = Served::new().await;
    for version in ["v1", "v1alpha"] {
        let answers = ask(&served, version, &[r#"{"host":"h","listServices":""}"#]).await;
        let services = &answers[0]["listServicesResponse"]["service"];
        let names: Vec<_> = services
            .as_array()
            .unwrap()
            .iter()
            .map(|service| service["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
                "test.Test",
            ]
        );
        assert_eq!(answers[0]["validHost"], "h");
        assert_eq!(answers[0]["originalRequest"]["host"], "h");
    }
}

#[tokio::test]
async fn files_are_found_by_name_and_by_every_symbol() {
    let served = Served::new().await;
    let symbols = ["test.Test", "test.Test.Echo", "test.Text", "test.Text.text"];
    let questions = symbols.map(|symbol| format!(r#"{{"fileContainingSymbol":"{symbol}"}}"#));
    let mut questions: Vec<_> = questions.iter().map(|question| &**question).collect();
    questions.push(r#"{"fileByFilename":"test.proto"}"#);
    let answers = ask(&served, "v1", &questions).await;
    assert_eq!(answers.len(), 5);
    let file = &answers[0]["fileDescriptorResponse"]["fileDescriptorProto"];
    assert!(
        file[0].as_str().is_some_and(|file| file.len() > 100),
        "{file}"
    );
    for answer in &answers {
        assert_eq!(
            &answer["fileDescriptorResponse"]["fileDescriptorProto"],
            file
        );
    }
    let questions = [
        r#"{"fileContainingSymbol":"grpc.health.v1.Health"}"#,
        r#"{"fileContainingSymbol":"grpc.health.v1.HealthListResponse.StatusesEntry"}"#,
        r#"{"fileContainingSymbol":"grpc.health.v1.NOT_SERVING"}"#,
        r#"{"fileContainingSymbol":"grpc.reflection.v1.ErrorResponse"}"#,
        r#"{"fileContainingSymbol":"grpc.reflection.v1alpha.ServerReflection"}"#,
    ];
    for answer in ask(&served, "v1", &questions).await {
        assert!(answer["fileDescriptorResponse"].is_object(), "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_without_ending_the_conversation() {
    let served = Served::new().await;
    let questions = [
        r#"{"fileByFilename":"no.proto"}"#,
        r#"{"fileContainingSymbol":"no.Symbol"}"#,
        r#"{"fileContainingExtension":{"containingType":"test.Text","extensionNumber":7}}"#,
        r#"{"allExtensionNumbersOfType":"no.Message"}"#,
        r#"{"allExtensionNumbersOfType":"test.Text"}"#,
        "{}",
    ];
    let answers = ask(&served, "v1", &questions).await;
    let errors = answers.iter().map(|answer| &answer["errorResponse"]);
    let codes: Vec<_> = errors.map(|error| error["errorCode"].as_i64()).collect();
    let (none, asks_nothing) = (Some(5), Some(3));
    assert_eq!(codes, [none, none, none, none, None, asks_nothing]);
    let message = &answers[2]["errorResponse"]["errorMessage"];
    assert_eq!(message, "no extension 7 of `test.Text`");
    let numbers = &answers[4]["allExtensionNumbersResponse"];
    assert_eq!(numbers["baseTypeName"], "test.Text");
}

#[tokio::test]
async fn reflection_can_be_turned_off() {
    let served = Served::with(|config| config.reflection = false).await;
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let answer = served.grpc().await.call(path, &[], Bytes::new()).await;
    assert_eq!(answer.code(), 12);
}

#[tokio::test]
async fn open_conversation_does_not_hold_up_the_drain() {
    let served = Served::new().await;
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let (response, stream) = send.send_request(request(path, &[]), false).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    let drained = within(served.running.drain(Duration::from_secs(20))).await;
    assert_eq!(drained.cut, []);
    assert!(within(body.data()).await.is_none());
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    drop(stream);
}
