//! Tests of the errors for files that are rejected.

use std::fs;

use micro_build::Config;

use super::Folder;

/// Returns the error for a file that cannot be compiled.
fn refused(text: &str) -> String {
    let folder = Folder::with(&[("a.proto", text)]);
    folder.config("a.proto").generate().unwrap_err().to_string()
}

#[test]
fn errors_name_their_position() {
    let text = "syntax = \"proto3\";\nmessage A {\n  strin name = 1;\n}\n";
    let error = refused(text);
    assert!(error.starts_with("a.proto:3:3: "), "{error}");
    let error = refused("syntax = \"proto3\";\nmessage A {\n  string name 1;\n}\n");
    assert!(error.starts_with("a.proto:3:15: "), "{error}");
}

#[test]
fn a_missing_import_lists_the_searched_folders() {
    let error = refused("syntax = \"proto3\";\nimport \"no.proto\";\n");
    assert!(
        error.starts_with("a.proto:2:1: import 'no.proto' not found; looked in `"),
        "{error}"
    );
    let error = Config::new()
        .file("no/such.proto")
        .generate()
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "no/such.proto: the file does not exist; write the path relative to the folder of \
         Cargo.toml"
    );
}

#[test]
fn other_syntaxes_than_proto3_are_rejected_with_a_remedy() {
    let error = refused("// A file.\nedition = \"2023\";\nmessage A {}\n");
    let expected = "a.proto:2:1: edition 2023 is not supported; write `syntax = \"proto3\";`, and \
                    `optional` before each field that must distinguish unset from zero";
    assert_eq!(error, expected);
    let error = refused("\nsyntax = \"proto2\";\nmessage A { optional group G = 1 {} }\n");
    assert!(
        error.starts_with("a.proto:2:1: proto2 is not supported; write `syntax"),
        "{error}"
    );
    assert!(error.contains("the group `A.g`"), "{error}");
    let error = refused("message A {}\n");
    assert!(
        error.starts_with("a.proto: proto2 is not supported"),
        "{error}"
    );
}

#[test]
fn a_type_without_a_rust_type_is_named() {
    let text = "syntax = \"proto3\";\nimport \"google/protobuf/type.proto\";\n\
                message A {\n  google.protobuf.Type type = 1;\n}\n";
    let expected = "a.proto:4:3: `google.protobuf.Type` has no type in Rust; map it to one with \
                    `.extern_path(\"google.protobuf.Type\", \"…\")`";
    assert_eq!(refused(text), expected);
    let folder = Folder::with(&[("a.proto", text)]);
    let config = folder
        .config("a.proto")
        .extern_path("google.protobuf.Type", "crate::Type");
    let text = config.generate().unwrap().remove(0).1;
    assert!(text.contains("pub r#type: Option<crate::Type>,"), "{text}");
}

#[test]
fn a_rule_without_a_path_is_rejected() {
    let text = "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\nmessage A {}\n\
                service S {\n  \
                rpc M(A) returns (A) { option (google.api.http) = { body: \"*\" }; }\n}\n";
    let expected = "a.proto:5:3: the option `google.api.http` has no path; write for example \
                    `get: \"/…\"`";
    assert_eq!(refused(text), expected);
}

#[test]
fn nested_bindings_are_rejected() {
    let text = "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\nmessage A {}\n\
                service S {\n  rpc M(A) returns (A) { option (google.api.http) = { get: \"/a\" \
                additional_bindings { get: \"/b\" additional_bindings { get: \"/c\" } } }; }\n}\n";
    let expected = "a.proto:5:3: `additional_bindings` of the option `google.api.http` cannot be \
                    nested; move them into the outer rule";
    assert_eq!(refused(text), expected);
}

#[test]
fn extensions_in_proto3_are_rejected() {
    let text =
        "syntax = \"proto3\";\nmessage A {\n  message B {\n    extensions 100 to 200;\n  }\n}\n";
    let expected = "a.proto:4:5: proto3 does not support `extensions`; remove them, and use a \
                    field of type `google.protobuf.Any` for messages that are not known yet";
    assert_eq!(refused(text), expected);
}

#[test]
fn a_json_name_that_is_the_name_of_another_field_is_rejected() {
    let text = "syntax = \"proto3\";\nmessage A {\n  string a = 1 [json_name = \"b\"];\n  \
                string b = 2 [json_name = \"a\"];\n}\n";
    let expected = "a.proto:3:3: the JSON name of `a` is the name of the field `b`, and JSON \
                    decoders accept both names; choose another `json_name`\n\
                    a.proto:4:3: the JSON name of `b` is the name of the field `a`, and JSON \
                    decoders accept both names; choose another `json_name`";
    assert_eq!(refused(text), expected);
}

#[test]
fn values_that_differ_only_in_the_prefix_are_rejected() {
    let values = |values: &str| {
        format!("syntax = \"proto3\";\nenum Some_Kind {{\n  Z = 0;\n  {values}\n}}\n")
    };
    let expected = "a.proto:5:1: the value `a` of `Some_Kind` differs from `SOME_KIND_A` only in \
                    the enum's prefix and in case; rename one of them";
    assert_eq!(refused(&values("SOME_KIND_A = 1;\na = 2;")), expected);
    for others in ["SOMEKIND__A = 1; _A = 2;", "X_YZ = 1; SomeKind_x_yz = 2;"] {
        assert!(
            refused(&values(others)).starts_with("a.proto:4:"),
            "{others}"
        );
    }
    for others in [
        "x_y = 1; XY = 2;",
        "SOME_KIND = 1; SOMEKIND_ = 1; option allow_alias = true;",
    ] {
        let folder = Folder::with(&[("a.proto", &values(others))]);
        folder.config("a.proto").generate().expect(others);
    }
}

#[test]
fn a_file_that_ends_early_is_reported_at_its_end() {
    let error = refused("syntax = \"proto3\";\nmessage A {\n  string a = 1;\n\n");
    assert!(error.starts_with("a.proto:3:16: expected "), "{error}");
    let end = "but reached end of file; write the missing part, possibly a `}` further up";
    assert!(error.ends_with(end), "{error}");
    let error = refused("syntax = \"proto3\";\npackage a;\n// package c;\npackage b;\n");
    let expected = "a.proto:4:1: multiple package names specified; remove one of them";
    assert_eq!(error, expected);
}

#[test]
fn an_import_cycle_is_reported_at_the_import_that_closes_it() {
    let folder = Folder::with(&[
        ("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"),
        (
            "b.proto",
            "syntax = \"proto3\";\n// \"a.proto\"\n  import public 'a.proto';\n",
        ),
        ("own.proto", "syntax = \"proto3\";\nimport \"own.proto\";\n"),
    ]);
    let error = folder.config("a.proto").generate().unwrap_err();
    let expected = "b.proto:3:3: the imports form a cycle: a.proto -> b.proto -> a.proto; move the \
                    shared definitions into a separate file";
    assert_eq!(error.to_string(), expected);
    let error = folder
        .config("own.proto")
        .generate()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("own.proto:2:1: the imports form a cycle"),
        "{error}"
    );
}

#[test]
fn invalid_utf_8_is_rejected_and_a_byte_order_mark_is_skipped() {
    let folder = Folder::with(&[("mark.proto", "\u{feff}syntax = \"proto3\"; message A {}")]);
    let file = folder.0.join("a.proto");
    fs::write(file, b"syntax = \"proto3\";\n// \xc3\xbc caf\xe9\n").unwrap();
    let error = folder.config("a.proto").generate().unwrap_err();
    let expected = "a.proto:2:9: the file is not valid UTF-8; save it in UTF-8";
    assert_eq!(error.to_string(), expected);
    folder
        .config("mark.proto")
        .out_dir(folder.0.join("out"))
        .compile()
        .unwrap();
    let text = "\u{feff}edition = \"2023\";";
    assert!(refused(text).starts_with("a.proto:1:1: edition"));
}
