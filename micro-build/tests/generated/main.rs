//! What is generated, beside a file that shows it.
//!
//! `MICRO_BUILD_SNAPSHOTS=overwrite` writes the file anew.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails, as it should"
)]

mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use micro_build::{Config, Error};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path)
}

/// A folder for the files of one test, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("micro-build-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (name, text) in files {
            let path = folder.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn config(&self, file: &str) -> Config {
        Config::new().file(self.0.join(file)).include(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// One proto3 file in the package `p`, and what becomes of it.
fn generated(text: &str) -> Result<String, Error> {
    let folder = Folder::with(&[(
        "a.proto",
        &format!("syntax = \"proto3\"; package p;\n{text}"),
    )]);
    let files = folder.config("a.proto").generate()?;
    Ok(files
        .into_iter()
        .find(|(name, _)| name == "p.rs")
        .unwrap()
        .1)
}

#[test]
fn a_file_becomes_what_it_was() {
    let config = Config::new().file(here("proto/shop.proto"));
    let files = config.generate().unwrap();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["shop.v1.rs", "micro-build.rs"]);
    let path = here("snapshots/shop.v1.txt");
    if std::env::var("MICRO_BUILD_SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
        fs::write(&path, &files[0].1).unwrap();
    }
    assert_eq!(files[0].1, fs::read_to_string(path).unwrap());
    let expected = "// Made by micro-build from .proto files; changes here are lost.\n\
                    pub mod shop {\n    pub mod v1 {\n        \
                    include!(concat!(env!(\"OUT_DIR\"), \"/shop.v1.rs\"));\n    }\n}\n";
    assert_eq!(files[1].1, expected);
}

#[test]
fn files_are_written_and_left_alone_when_nothing_changes() {
    let folder = Folder::with(&[("a.proto", "syntax = \"proto3\"; message A {}")]);
    let out = folder.0.join("out");
    let compile = || folder.config("a.proto").out_dir(&out).compile().unwrap();
    compile();
    let written = |name: &str| fs::metadata(out.join(name)).unwrap().modified().unwrap();
    let before = [written("_.rs"), written("micro-build.rs")];
    compile();
    assert_eq!([written("_.rs"), written("micro-build.rs")], before);
}

#[test]
fn attributes_stand_where_they_are_wanted() {
    let text = "syntax = \"proto3\"; package p; message A { string b = 1; message C {} } \
                enum E { E_X = 0; } service S { rpc M(A) returns (A); }";
    let folder = Folder::with(&[("a.proto", text)]);
    let config = folder
        .config("a.proto")
        .attribute("p.A", "#[everything_in_a]")
        .attribute("p.A.b", "#[of_b]")
        .attribute("p.S.M", "#[of_m]")
        .attribute(".", "#[all]");
    let text = config.generate().unwrap().remove(0).1;
    assert_eq!(text.matches("#[everything_in_a]").count(), 2, "{text}");
    assert_eq!(text.matches("#[all]").count(), 3, "{text}");
    assert!(text.contains("    #[of_b]\n    pub b: String,"), "{text}");
    assert!(text.contains("    #[of_m]\n    async fn m"), "{text}");
    let error = folder
        .config("a.proto")
        .attribute("p.B", "#[x]")
        .generate()
        .unwrap_err();
    let expected = "`.attribute(\"p.B\", …)`: nothing has this name in the .proto files read";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn types_that_exist_already_are_used() {
    let files = [
        (
            "a.proto",
            "syntax = \"proto3\"; package a; import \"b.proto\"; \
             message A { b.v1.B b = 1; b.v1.B.C c = 2; b.v1.E e = 3; }",
        ),
        (
            "b.proto",
            "syntax = \"proto3\"; package b.v1; \
             message B { message C {} } enum E { X = 0; }",
        ),
    ];
    let folder = Folder::with(&files);
    let files = folder
        .config("a.proto")
        .extern_path("b.v1", "::there")
        .generate()
        .unwrap();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a.rs", "micro-build.rs"]);
    assert!(
        files[0].1.contains("pub b: Option<::there::B>,"),
        "{}",
        files[0].1
    );
    assert!(
        files[0].1.contains("pub c: Option<::there::b::C>,"),
        "{}",
        files[0].1
    );
    assert!(files[0].1.contains("pub e: ::there::E,"), "{}", files[0].1);
    let files = folder
        .config("a.proto")
        .extern_path("b.v1.B", "::my::B")
        .generate()
        .unwrap();
    assert!(
        files[0].1.contains("pub b: Option<::my::B>,"),
        "{}",
        files[0].1
    );
}

#[test]
fn names_that_rust_has_taken_are_others() {
    let text = generated(
        "message Option { string self = 1; optional int32 type = 2; } \
         message option { Option a = 1; } \
         message SClient {} service S { rpc Connect(Option) returns (SClient); }",
    )
    .unwrap();
    for line in [
        "pub self_: String,",
        "#[micro(tag = 1, name = \"self\")]",
        "pub r#type: ::std::option::Option<i32>,",
        "#[::micro::message(package = \"p\", name = \"option\")]",
        "pub struct Option_ {",
        "pub a: ::std::option::Option<Option>,",
        "pub struct SClient_ {}",
        "async fn connect_(&self, request: Option) -> ::micro::Result<SClient_>;",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn only_what_contains_itself_is_boxed() {
    let text = generated(
        "message A { B b = 1; repeated A list = 2; C c = 3; } \
         message B { oneof k { A a = 1; C c = 2; } } \
         message C { string s = 1; }",
    )
    .unwrap();
    for line in [
        "pub b: Option<Box<B>>,",
        "pub list: Vec<A>,",
        "pub c: Option<C>,",
        "A(Box<super::A>),",
        "C(super::C),",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn options_of_ones_own_are_read_over() {
    let files = [
        (
            "a.proto",
            "syntax = \"proto3\"; package p; import \"o.proto\"; \
             message A { string b = 1 [(mine) = 3]; }",
        ),
        (
            "o.proto",
            "syntax = \"proto2\"; import \"google/protobuf/descriptor.proto\"; \
                     extend google.protobuf.FieldOptions { optional int32 mine = 50000; }",
        ),
    ];
    let folder = Folder::with(&files);
    let files = folder.config("a.proto").generate().unwrap();
    assert_eq!(files.len(), 2);
}

#[test]
fn of_googles_messages_only_the_rules_of_http_are_built_in() {
    let files = [
        (
            "google/api/httpbody.proto",
            "syntax = \"proto3\"; package google.api; message HttpBody { bytes data = 2; }",
        ),
        (
            "a.proto",
            "syntax = \"proto3\"; package p; import \"google/api/annotations.proto\"; \
             import \"google/api/httpbody.proto\"; \
             service S { rpc M(google.api.HttpBody) returns (google.api.HttpBody); }",
        ),
    ];
    let files = Folder::with(&files).config("a.proto").generate().unwrap();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["google.api.rs", "p.rs", "micro-build.rs"]);
    assert!(
        files[0].1.contains("pub struct HttpBody {"),
        "{}",
        files[0].1
    );
    assert!(!files[0].1.contains("HttpRule"), "{}", files[0].1);
}

#[test]
fn lints_of_docs_are_off_wherever_a_comment_goes() {
    let off = "#[allow(dead_code, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, \
               rustdoc::bare_urls)]\n";
    let text = generated(
        "message A {\n// See [nowhere].\noneof o { int32 a = 1; }\n}\n\
         enum E { option allow_alias = true; E_A = 0;\n// <b>\nE_B = 0; }",
    )
    .unwrap();
    for item in [
        "#[::micro::message(package = \"p\")]\n#[derive(Clone, Debug, Default, PartialEq)]\n\
         pub struct A {",
        "#[::micro::message(oneof)]",
        "impl E {",
    ] {
        let found = text.replace("    ", "").contains(&format!("{off}{item}"));
        assert!(found, "no `{item}` without lints in:\n{text}");
    }
}

#[test]
fn names_are_as_rust_wants_them() {
    let folder = Folder::with(&[(
        "a.proto",
        "syntax = \"proto3\"; package someWhere.p; message A { string a__b = 1; }",
    )]);
    let files = folder.config("a.proto").generate().unwrap();
    let expected = "    #[micro(tag = 1, name = \"a__b\")]\n    pub a_b: String,\n";
    assert!(files[0].1.contains(expected), "{}", files[0].1);
    let expected = "\n#[allow(non_snake_case)]\npub mod someWhere {\n    pub mod p {\n";
    assert!(files[1].1.contains(expected), "{}", files[1].1);
}

#[test]
fn second_names_of_a_value_are_constants_of_different_names() {
    let text = generated(
        "enum E { option allow_alias = true; E_Z = 0; X = 1; E_FOO_BAR = 1; E_FooBar = 1; x = 1; }",
    )
    .unwrap();
    for line in [
        "pub const E_FOO_BAR: Self = Self::X;",
        "pub const E_FOO_BAR_: Self = Self::X;",
        "pub const X_: Self = Self::X;",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
}
