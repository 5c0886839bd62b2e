//! A service's schema in a round trip through `.proto` text, by another compiler; through the
//! committed file; and as the app itself reports it.

use std::collections::HashMap;

use micro::codec::Message;
use micro::schema::descriptor::FileDescriptorSet;
use micro::schema::{Schema, model};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::shop::{Item, Shop};
use crate::message::model::Torture;

const MEMORY: usize = 1 << 24;

/// Files in memory only.
struct Texts(HashMap<String, String>);

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The schema as another compiler reads it from the `.proto` files.
pub(super) fn compiled(schema: &Schema) -> Schema {
    let texts: HashMap<_, _> = schema.proto().unwrap().into_iter().collect();
    let files: Vec<_> = schema.files().iter().map(|file| &*file.name).collect();
    Schema::from_files(&descriptors(&texts, &files).file).unwrap()
}

/// The descriptors of some of the files and of all their imports.
fn descriptors(texts: &HashMap<String, String>, files: &[&str]) -> FileDescriptorSet {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Texts(texts.clone()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_source_info(true).include_imports(true);
    if let Err(error) = compiler.open_files(files) {
        panic!("{error:?} in {texts:#?}");
    }
    let set = compiler.encode_file_descriptor_set();
    FileDescriptorSet::decode(&set.into(), MEMORY).unwrap()
}

/// Removes what `.proto` files cannot express: typed errors and required fields.
pub(super) fn as_proto_says(schema: &Schema) -> Schema {
    let mut text = schema.text();
    for told in ["required", "placeholder"] {
        text = text.replace(&format!(", \"{told}\": true"), "");
    }
    for told in ["knows_required", "choice", "catch_all"] {
        text = text.replace(&format!("\"{told}\": true,\n"), "\n");
    }
    let left = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("\"error\": "));
    let left: Vec<_> = left.collect();
    let left = left.join("\n");
    let schema = Schema::parse(&left).unwrap();
    let services = schema.services();
    let methods = services.values().flat_map(|service| &service.methods);
    assert!(methods.into_iter().all(|method| method.error.is_none()));
    schema
}

#[test]
fn proto_files_compile_and_give_the_same_schema() {
    let schema = Schema::of_service::<Shop>().unwrap();
    let files: Vec<_> = schema
        .files()
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(files, ["shop.money.proto", "shop.v1.proto"]);
    assert_eq!(compiled(&schema), as_proto_says(&schema));
}

#[test]
fn messages_of_google_s_api_stay_where_they_are_used() {
    let text = "syntax = \"proto3\"; package own; import \"google/api/http.proto\";\n\
                message Uses { google.api.HttpRule rule = 1; }";
    let schema = Schema::of_service::<Shop>().unwrap();
    let mut texts: HashMap<_, _> = schema.proto().unwrap().into_iter().collect();
    texts.insert("own.proto".to_owned(), text.to_owned());
    let messages = |files: &[&str]| {
        let set = descriptors(&texts, files);
        let schema = Schema::from_files(&set.file).unwrap();
        schema.messages().into_keys().collect::<Vec<_>>()
    };
    let kept = messages(&["own.proto"]);
    assert!(kept.contains(&"google.api.HttpRule".to_owned()), "{kept:?}");
    let kept = messages(&["shop.v1.proto"]);
    assert!(
        !kept.iter().any(|name| name.starts_with("google")),
        "{kept:?}"
    );
}

#[test]
fn every_kind_of_field_goes_through_proto_files() {
    let schema = Schema::default().with::<Torture>().unwrap();
    assert!(schema.messages().len() > 8);
    assert_eq!(compiled(&schema), as_proto_says(&schema));
}

#[test]
fn doc_comments_travel_into_all_forms() {
    let schema = Schema::of_service::<Shop>().unwrap();
    let proto = schema.proto().unwrap();
    let (_, text) = proto
        .iter()
        .find(|(name, _)| name == "shop.v1.proto")
        .unwrap();
    let item = schema.json_schema(&Item::name()).unwrap();
    let openapi = schema.openapi("Shop", "1");
    let anything = "*/ <script>alert(1)</script>";
    for (form, told) in [
        ("proto", text),
        ("JSON Schema", &item),
        ("OpenAPI", &openapi),
    ] {
        for words in [
            anything,
            "A thing to buy.",
            "As tomatoes are.",
            "How many there are",
        ] {
            assert!(told.contains(words), "no `{words}` in {form}: {told}");
        }
    }
    for words in [
        "Sells things.",
        "Gives the item of a name.",
        "The card's number.",
    ] {
        assert!(
            openapi.contains(words) && schema.text().contains(words),
            "no `{words}`"
        );
    }
    assert!(
        text.contains("  // Gives the item of a name.\n  //\n  // All of it"),
        "{text}"
    );
}

#[test]
fn a_committed_file_holds_all_of_a_service() {
    let schema = Schema::of_service::<Shop>().unwrap();
    let text = schema.text();
    assert_eq!(Schema::parse(&text).unwrap(), schema);
    for line in [
        r#"{"tag": 11, "name": "shift", "type": "sint32"}"#,
        r#""error": "shop.v1.BuyError""#,
        r#"{"verb": "POST", "path": "/v1/items/{sku}", "body": "payment"}"#,
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert!(Schema::check(&schema, &Schema::parse(&text).unwrap()).is_unchanged());
}

#[test]
fn what_is_linked_holds_every_service_of_this_program() {
    let own = Schema::of_service::<Shop>().unwrap();
    // Other tests have types with the same name, as two programs would.
    match Schema::linked() {
        Ok(all) => assert!(all.services().contains_key("shop.v1.Shop")),
        Err(error) => assert!(error.message().contains("are both named"), "{error}"),
    }
    let method = &own.services()["shop.v1.Shop"].methods[0];
    assert_eq!((&*method.name, &*method.request), ("Buy", "shop.v1.Buy"));
    assert_eq!(method.error.as_deref(), Some("shop.v1.BuyError"));
    let verbs: Vec<_> = method
        .http
        .iter()
        .map(|rule: &model::Http| &*rule.verb)
        .collect();
    assert_eq!(verbs, ["POST"]);
}

#[tokio::test]
async fn an_app_describes_itself_as_its_service_does() {
    let (running, address) = super::serve().await;
    let response = tokio::task::spawn_blocking(move || {
        micro_tests::http(&address.to_string(), "GET /openapi.json", b"")
    });
    let response = response.await.unwrap().unwrap();
    assert!(
        response.head.contains("content-type: application/json"),
        "{}",
        response.head
    );
    let told: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    let schema = Schema::of_service::<Shop>().unwrap();
    let version = told["info"]["version"].as_str().unwrap();
    let same = schema.openapi("shop", version);
    assert_eq!(
        told,
        serde_json::from_str::<serde_json::Value>(&same).unwrap()
    );
    for path in [
        "/shop.v1.Shop/Get",
        "/v1/items/{sku}",
        "/v1/shelves/{sku_1}/items/{sku_2}:look",
    ] {
        assert!(told["paths"][path].is_object(), "no {path} in {told:#}");
    }
    running.stop().await;
}
