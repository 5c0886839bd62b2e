//! Programs by other authors read the `.proto` files, descriptions and schemas. They need installed
//! tools, so they are ignored by default; `bash .ci/run` runs them.

use std::path::Path;
use std::process::Command;

use micro::codec::Message;
use micro::schema::Schema;
use micro::schema::descriptor::FileDescriptorSet;
use micro_tests::{World, workspace};

use super::shop::{Payment, Shop};
use crate::clients::output;
use crate::message::model::{self, Torture};

fn python(script: &str) -> Command {
    let python = std::env::var("MICRO_TEST_PYTHON").expect("MICRO_TEST_PYTHON names a Python");
    let mut command = Command::new(python);
    command.arg(workspace().join("tests/clients").join(script));
    command
}

/// The names of the `.proto` files in a directory.
fn protos(paths: &[std::path::PathBuf], directory: &Path) -> Vec<String> {
    let names = paths
        .iter()
        .map(|path| path.strip_prefix(directory).unwrap());
    names
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

#[test]
#[ignore = "needs protoc, of Debian's package protobuf-compiler"]
fn needs_protoc_which_reads_what_we_write() {
    let world = World::new();
    let directory = world.root().join("proto");
    let service = Schema::of_service::<Shop>().unwrap();
    let schema = service.with::<Torture>().unwrap();
    let paths = schema.write_proto(&directory).unwrap();
    let set = world.root().join("set.bin");
    let mut protoc = Command::new("protoc");
    protoc
        .arg("--include_source_info")
        .arg(format!("--descriptor_set_out={}", set.display()));
    protoc
        .arg("--proto_path")
        .arg(&directory)
        .args(protos(&paths, &directory));
    output(&mut protoc);
    let set = FileDescriptorSet::decode(&std::fs::read(set).unwrap().into(), 1 << 24).unwrap();
    let google = |name: &str| name.starts_with("google/");
    let files: Vec<_> = set
        .file
        .into_iter()
        .filter(|file| !google(&file.name))
        .collect();
    let compiled = Schema::from_files(&files).unwrap();
    let report = Schema::check(&schema, &compiled);
    // `.proto` files can express neither typed errors nor required fields.
    let lost: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| &*finding.place)
        .collect();
    assert_eq!(lost, ["shop.v1.Shop/Buy"], "{report}");
    assert_eq!(
        compiled.files(),
        super::round::as_proto_says(&schema).files()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with grpcio-tools, named by MICRO_TEST_PYTHON"]
async fn needs_protoc_for_a_python_client_out_of_our_proto_files() {
    let world = World::new();
    let directory = world.root().join("proto");
    let schema = Schema::of_service::<Shop>().unwrap();
    schema.write_proto(&directory).unwrap();
    let (running, address) = super::serve().await;
    let mut command = python("shop_client.py");
    command.arg(address.to_string()).arg(&directory);
    let said = tokio::task::spawn_blocking(move || output(&mut command))
        .await
        .unwrap();
    println!("{said}");
    for line in [
        "get: tea 0 GREEN 9223372036854775807 2 00ff 1.5 -0.5 -3",
        "buy: tea",
        "unknown: NOT_FOUND no `tea`",
        "watch: tea0 tea1 tea2",
        "stock: abc 3",
        "swap: a b",
        "close: ok",
        "rule: GET /v1/items/{sku}",
    ] {
        assert!(
            said.lines().any(|told| told == line),
            "no `{line}` in {said}"
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with openapi-spec-validator and jsonschema, named by MICRO_TEST_PYTHON"]
async fn needs_python_validators_of_openapi_and_json_schema() {
    let world = World::new();
    let (running, address) = super::serve().await;
    let directory = world.root().to_owned();
    let described = Schema::default().with::<Torture>().unwrap();
    let schema = described.json_schema(&Torture::name()).unwrap();
    std::fs::write(directory.join("torture.schema.json"), schema).unwrap();
    for (name, message) in [("full", model::full()), ("sparse", model::sparse())] {
        let mut json = Vec::new();
        message.encode_json(&mut json).unwrap();
        std::fs::write(directory.join(format!("torture.{name}.json")), json).unwrap();
    }
    let described = Schema::default().with::<Payment>().unwrap();
    let schema = described.json_schema(&Payment::name()).unwrap();
    std::fs::write(directory.join("payment.schema.json"), schema).unwrap();
    let mut command = python("validate.py");
    command.arg(address.to_string()).arg(&directory);
    let said = tokio::task::spawn_blocking(move || output(&mut command))
        .await
        .unwrap();
    println!("{said}");
    assert!(said.lines().any(|line| line == "openapi: valid"), "{said}");
    assert!(said.lines().any(|line| line == "schemas: valid"), "{said}");
    running.stop().await;
}
