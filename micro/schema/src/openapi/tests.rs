//! Descriptions of methods, paths and parameters.

use super::*;
use crate::model::sample::sample;
use crate::model::{Http, Method};

fn document(change: impl FnOnce(&mut Method)) -> Value {
    let mut schema = sample();
    change(&mut schema.files[0].services[0].methods[0]);
    serde_json::from_str(&schema.openapi("Shop", "1.2.3")).unwrap()
}

#[test]
fn every_unary_method_has_its_connect_path() {
    let document = document(|_| {});
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["info"],
        json!({ "title": "Shop", "version": "1.2.3" })
    );
    assert_eq!(
        document["tags"][0],
        json!({ "name": "shop.Cart", "description": "Carts." })
    );
    let post = &document["paths"]["/shop.Cart/Get"]["post"];
    assert_eq!(post["summary"], "Gets <b>it</b>");
    assert_eq!(post["description"], "Gets <b>it</b>.\n\nAnd says more.");
    let body = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/shop.Item");
    assert_eq!(
        post["responses"]["default"]["$ref"],
        "#/components/responses/error"
    );
    let get = &document["paths"]["/shop.Cart/Get"]["get"]["parameters"];
    assert_eq!(get[0]["name"], "message");
    let schemas = &document["components"]["schemas"];
    assert!(schemas["shop.Item.Cash"].is_object() && schemas["shop.Colour"].is_object());
    let codes = &schemas[ERROR]["properties"]["code"]["enum"];
    assert!(
        codes.as_array().unwrap().contains(&"not_found".into()),
        "{codes}"
    );
}

#[test]
fn deprecated_items_are_marked() {
    let told = document(|method| method.deprecated = true);
    assert_eq!(told["paths"]["/shop.Cart/Get"]["post"]["deprecated"], true);
    assert_eq!(told["paths"]["/v1/items/{sku}"]["get"]["deprecated"], true);
    let told = document(|_| {});
    assert!(told["paths"]["/shop.Cart/Get"]["post"]["deprecated"].is_null());
    let mut schema = sample();
    schema.files[0].services[0].deprecated = true;
    let told: Value = serde_json::from_str(&schema.openapi("Shop", "1.2.3")).unwrap();
    assert_eq!(told["paths"]["/shop.Cart/Get"]["post"]["deprecated"], true);
    assert_eq!(told["x-micro-streams"][0]["deprecated"], true);
}

#[test]
fn streams_are_listed_separately() {
    let document = document(|method| method.idempotent = false);
    assert!(document["paths"]["/shop.Cart/Watch"].is_null());
    assert!(document["paths"]["/shop.Cart/Get"]["get"].is_null());
    let stream = &document["x-micro-streams"][0];
    assert_eq!(stream["path"], "/shop.Cart/Watch");
    assert_eq!(
        (&stream["streamsRequests"], &stream["streamsReplies"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn required_fields_are_required() {
    let mut schema = sample();
    schema.files[0].messages[0].fields[1].required = true;
    let told = schema.openapi("Shop", "1.2.3");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told["components"]["schemas"]["shop.Item"]["required"],
        json!(["count"])
    );
    let parameters = told["paths"]["/v1/items/{sku}"]["get"]["parameters"].as_array();
    let required = parameters
        .unwrap()
        .iter()
        .filter(|one| one["required"] == true);
    let required: Vec<_> = required.map(|one| &one["name"]).collect();
    assert_eq!(required, ["sku", "count"]);
}

fn names(operation: &Value, place: &str) -> Vec<String> {
    let parameters = operation["parameters"].as_array().unwrap().iter();
    let own = parameters.filter(|parameter| parameter["in"] == place);
    own.map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn paths_have_parameters_and_the_rest_is_the_query() {
    let document = document(|_| {});
    let get = &document["paths"]["/v1/items/{sku}"]["get"];
    assert_eq!(names(get, "path"), ["sku"]);
    assert_eq!(get["parameters"][0]["required"], true);
    let query = names(get, "query");
    for name in [
        "count",
        "card",
        "cash.coins",
        "colour",
        "made_at",
        "raw",
        "sizes",
        "prices",
    ] {
        assert!(query.contains(&name.to_owned()), "no {name} in {query:?}");
    }
    for name in ["sku", "parts"] {
        assert!(!query.contains(&name.to_owned()), "{name} in {query:?}");
    }
    assert!(get["requestBody"].is_null());
    let post = &document["paths"]["/v1/items"]["post"];
    assert_eq!(names(post, "query"), Vec::<String>::new());
    let body = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/shop.Item");
}

fn rule(verb: &str, path: &str, body: &str) -> Http {
    Http {
        body: body.to_owned(),
        ..Http::new(verb, path)
    }
}

#[test]
fn each_wildcard_segment_is_a_parameter_and_no_rule_is_lost() {
    let document = document(|method| {
        method.http = vec![
            rule("PUT", "/v1/{sku=shelves/*/books/**}:lend", "cash"),
            rule("PATCH", "/v1/{cash.coins}/*/x", "*"),
            rule("LINK", "/v1/x", ""),
            rule("GET", "no path", ""),
            rule("GET", "/v2/{sku=shelves/*}", ""),
            rule("GET", "/v2/{sku=pens/*}", ""),
            rule("GET", "/v2/items/{sku}", ""),
            rule("DELETE", "/v2/items/{card}", ""),
            rule("GET", "/v2/items/{card=**}", ""),
        ];
    });
    let paths = &document["paths"];
    let put = &paths["/v1/shelves/{sku_1}/books/{sku_2}:lend"]["put"];
    assert_eq!(names(put, "path"), ["sku_1", "sku_2"]);
    assert_eq!(put["x-micro-path"], "/v1/{sku=shelves/*/books/**}:lend");
    let schema = &put["parameters"][0]["schema"];
    assert_eq!(schema["pattern"], "^[^/]+$");
    let template = "A part of `sku` in `/v1/{sku=shelves/*/books/**}:lend`.";
    assert_eq!(schema["description"], template);
    let body = &put["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/shop.Item.Cash");
    assert!(!names(put, "query").contains(&"cash.coins".to_owned()));
    let patch = &paths["/v1/{cash.coins}/{segment2}/x"]["patch"];
    assert_eq!(names(patch, "path"), ["cash.coins", "segment2"]);
    for kind in ["shelves", "pens"] {
        assert!(paths[format!("/v2/{kind}/{{sku}}")]["get"].is_object());
    }
    let items = &paths["/v2/items/{sku}"];
    let told = &items["delete"]["parameters"][0];
    assert_eq!(
        (&told["name"], &told["in"]),
        (&"sku".into(), &"path".into())
    );
    assert_eq!(told["schema"]["description"], "The field `card`.");
    assert_eq!(paths.as_object().unwrap().len(), 6, "{paths:#}");
    let apart = document["x-micro-http"].as_array().unwrap().iter();
    let apart = apart.map(|one| (&one["x-micro-verb"], &one["x-micro-path"]));
    let apart: Vec<_> = apart.map(|(verb, path)| format!("{verb} {path}")).collect();
    assert_eq!(
        apart,
        [r#""LINK" "/v1/x""#, r#""GET" "/v2/items/{card=**}""#]
    );
}

#[test]
fn streams_of_plain_http_are_lines_or_events() {
    let mut schema = sample();
    schema.files[0].services[0].methods[1].http = vec![rule("GET", "/v1/watch", "")];
    let document: Value = serde_json::from_str(&schema.openapi("Shop", "1")).unwrap();
    let content = &document["paths"]["/v1/watch"]["get"]["responses"]["200"]["content"];
    let line = &content["application/x-ndjson"]["schema"]["properties"];
    assert_eq!(line["result"]["$ref"], "#/components/schemas/shop.Item");
    assert_eq!(line["error"]["$ref"], "#/components/schemas/connect.error");
    assert_eq!(content["text/event-stream"]["schema"]["type"], "string");
    assert!(content["application/json"].is_null(), "{content}");
}

#[test]
fn parameters_and_bodies_match_those_of_the_server() {
    let document = document(|method| {
        method.http = vec![
            rule("POST", "/v1/{sku}", "*"),
            rule("PUT", "/v1/{sku}", "card"),
            Http {
                response_body: "raw".to_owned(),
                ..rule("PATCH", "/v1/{sku}", "raw")
            },
        ];
        method.reply = "shop.Item".to_owned();
    });
    let path = &document["paths"]["/v1/{sku}"];
    let content = &path["post"]["requestBody"]["content"];
    let form = &content["application/x-www-form-urlencoded"];
    let fields = form["schema"]["properties"].as_object().unwrap();
    assert!(fields.contains_key("cash.coins") && fields.contains_key("made_at"));
    assert!(!fields.contains_key("sku") && !fields.contains_key("parts"));
    assert_eq!(form["encoding"]["prices"]["style"], "deepObject");
    assert!(content["application/json"]["schema"]["properties"]["sku"].is_null());
    assert_eq!(path["post"]["parameters"].as_array().unwrap().len(), 1);

    let put = &path["put"];
    let text = &put["requestBody"]["content"]["text/plain"]["schema"];
    assert_eq!(text["type"], "string");
    let parameters = put["parameters"].as_array().unwrap();
    let prices = parameters
        .iter()
        .find(|one| one["name"] == "prices")
        .unwrap();
    assert_eq!(prices["style"], "deepObject");
    assert_eq!(prices["schema"]["additionalProperties"]["format"], "int64");

    let bytes = &path["patch"]["requestBody"]["content"]["application/octet-stream"];
    assert!(bytes.is_object());
    let reply = &path["patch"]["responses"]["200"]["content"];
    assert!(reply["application/octet-stream"].is_object(), "{reply}");
    assert_eq!(
        reply["application/json"]["schema"]["contentEncoding"],
        "base64"
    );
}
