//! What is refused, and in which words.

use std::fs;

use micro_build::Config;

use super::Folder;

/// What is said of files that cannot be compiled.
fn refused(text: &str) -> String {
    let folder = Folder::with(&[("a.proto", text)]);
    folder.config("a.proto").generate().unwrap_err().to_string()
}

#[test]
fn mistakes_name_their_place() {
    let text = "syntax = \"proto3\";\nmessage A {\n  strin name = 1;\n}\n";
    let error = refused(text);
    assert!(error.starts_with("a.proto:3:3: "), "{error}");
    let error = refused("syntax = \"proto3\";\nmessage A {\n  string name 1;\n}\n");
    assert!(error.starts_with("a.proto:3:15: "), "{error}");
}

#[test]
fn imports_that_are_not_there_say_where_was_looked() {
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
        "no/such.proto: there is no such file; paths start where Cargo.toml is"
    );
}

#[test]
fn what_is_no_proto3_is_refused_with_a_remedy() {
    let error = refused("// A file.\nedition = \"2023\";\nmessage A {}\n");
    let expected = "a.proto:2:1: edition 2023 is not supported; write `syntax = \"proto3\";`, and \
                    `optional` before each field that must tell unset from zero";
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
fn what_has_no_rust_type_is_named() {
    let text = "syntax = \"proto3\";\nimport \"google/protobuf/type.proto\";\n\
                message A {\n  google.protobuf.Type type = 1;\n}\n";
    let expected = "a.proto:4:3: there is no Rust type for `google.protobuf.Type`; give one with \
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
fn a_rule_without_a_path_is_refused() {
    let text = "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\nmessage A {}\n\
                service S {\n  \
                rpc M(A) returns (A) { option (google.api.http) = { body: \"*\" }; }\n}\n";
    let expected = "a.proto:5:3: the option `google.api.http` names no path; write \
                    `get: \"/…\"` or its like";
    assert_eq!(refused(text), expected);
}

#[test]
fn bindings_within_bindings_are_refused() {
    let text = "syntax = \"proto3\";\nimport \"google/api/annotations.proto\";\nmessage A {}\n\
                service S {\n  rpc M(A) returns (A) { option (google.api.http) = { get: \"/a\" \
                additional_bindings { get: \"/b\" additional_bindings { get: \"/c\" } } }; }\n}\n";
    let expected = "a.proto:5:3: `additional_bindings` of the option `google.api.http` have none \
                    themselves; move them out into the rule around them";
    assert_eq!(refused(text), expected);
}

#[test]
fn extensions_of_proto3_are_refused() {
    let text =
        "syntax = \"proto3\";\nmessage A {\n  message B {\n    extensions 100 to 200;\n  }\n}\n";
    let expected = "a.proto:4:5: proto3 has no `extensions`; remove them, and hold what is not \
                    known yet in a `google.protobuf.Any`";
    assert_eq!(refused(text), expected);
}

#[test]
fn fields_that_swap_their_names_are_refused() {
    let text = "syntax = \"proto3\";\nmessage A {\n  string a = 1 [json_name = \"b\"];\n  \
                string b = 2 [json_name = \"a\"];\n}\n";
    let expected = "a.proto:3:3: the JSON name of `a` is the name of the field `b`, and readers \
                    take either spelling; give it another `json_name`\n\
                    a.proto:4:3: the JSON name of `b` is the name of the field `a`, and readers \
                    take either spelling; give it another `json_name`";
    assert_eq!(refused(text), expected);
}

#[test]
fn values_that_are_one_without_the_prefix_are_refused() {
    let values = |values: &str| {
        format!("syntax = \"proto3\";\nenum Some_Kind {{\n  Z = 0;\n  {values}\n}}\n")
    };
    let expected = "a.proto:5:1: the value `a` of `Some_Kind` is the same as `SOME_KIND_A` without \
                    the enum's prefix and the case of letters; rename one of them";
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
fn a_file_that_ends_early_says_where() {
    let error = refused("syntax = \"proto3\";\nmessage A {\n  string a = 1;\n\n");
    assert!(error.starts_with("a.proto:3:16: expected "), "{error}");
    let end = "but reached end of file; write what is missing, maybe a `}` further up";
    assert!(error.ends_with(end), "{error}");
    let error = refused("syntax = \"proto3\";\npackage a;\n// package c;\npackage b;\n");
    let expected = "a.proto:4:1: multiple package names specified; leave one of them";
    assert_eq!(error, expected);
}

#[test]
fn imports_in_a_circle_say_which_closes_it() {
    let folder = Folder::with(&[
        ("a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"),
        (
            "b.proto",
            "syntax = \"proto3\";\n// \"a.proto\"\n  import public 'a.proto';\n",
        ),
        ("own.proto", "syntax = \"proto3\";\nimport \"own.proto\";\n"),
    ]);
    let error = folder.config("a.proto").generate().unwrap_err();
    let expected = "b.proto:3:3: imports go round in a circle: a.proto -> b.proto -> a.proto; \
                    move what both sides need into a file of its own";
    assert_eq!(error.to_string(), expected);
    let error = folder
        .config("own.proto")
        .generate()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("own.proto:2:1: imports go round"),
        "{error}"
    );
}

#[test]
fn what_is_no_utf_8_is_refused_and_a_mark_read_over() {
    let folder = Folder::with(&[("mark.proto", "\u{feff}syntax = \"proto3\"; message A {}")]);
    let file = folder.0.join("a.proto");
    fs::write(file, b"syntax = \"proto3\";\n// \xc3\xbc caf\xe9\n").unwrap();
    let error = folder.config("a.proto").generate().unwrap_err();
    let expected = "a.proto:2:9: the file is not in UTF-8; save it as such";
    assert_eq!(error.to_string(), expected);
    folder
        .config("mark.proto")
        .out_dir(folder.0.join("out"))
        .compile()
        .unwrap();
    let text = "\u{feff}edition = \"2023\";";
    assert!(refused(text).starts_with("a.proto:1:1: edition"));
}
