//! `Any`, with a known and an unknown type.

use micro::ErrorKind;
use micro::codec::Message;
use micro::types::{Any, FieldMask, Value};

use super::generated::awkward::v1::{Scalars, Tree};

const MEMORY: usize = 1 << 20;

fn json(any: &Any) -> micro::Result<String> {
    let mut out = Vec::new();
    any.encode_json(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn read(text: &str) -> micro::Result<Any> {
    Any::decode_json(text.as_bytes(), MEMORY)
}

#[test]
fn what_is_packed_is_unpacked_as_what_it_was() {
    let scalars = Scalars {
        int64: 7,
        ..Scalars::default()
    };
    let any = Any::pack(&scalars);
    assert_eq!(any.type_url, "type.googleapis.com/awkward.v1.Scalars");
    assert!(any.is::<Scalars>() && !any.is::<Tree>());
    assert_eq!(any.unpack::<Scalars>().unwrap(), scalars);
    let error = any.unpack::<Tree>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        error.message(),
        "the message is a `awkward.v1.Scalars`, not a `awkward.v1.Tree`; check with `is` before `unpack`"
    );
}

#[test]
fn its_json_has_the_name_beside_the_fields() {
    let given = r#"{"@type":"type.googleapis.com/awkward.v1.Scalars","int64":"9007199254740993"}"#;
    assert_eq!(json(&read(given).unwrap()).unwrap(), given);
    let unordered =
        r#"{"int64":9007199254740993,"@type":"type.googleapis.com/awkward.v1.Scalars"}"#;
    assert_eq!(json(&read(unordered).unwrap()).unwrap(), given);
    let given = r#"{"@type":"type.googleapis.com/google.protobuf.Value","value":[null,1.0]}"#;
    let value = read(given).unwrap().unpack::<Value>().unwrap();
    assert_eq!(value, vec![Value::Null, Value::Number(1.0)].into());
    assert_eq!(json(&Any::pack(&value)).unwrap(), given);
    assert_eq!(read("{}").unwrap(), Any::default());
    assert_eq!(json(&Any::default()).unwrap(), "{}");
}

#[test]
fn an_empty_one_has_a_name_alone() {
    let given = r#"{"@type":"type.googleapis.com/google.protobuf.Empty"}"#;
    assert_eq!(json(&Any::pack(&())).unwrap(), given);
    let with_value = r#"{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}"#;
    for given in [given, with_value] {
        assert_eq!(read(given).unwrap(), Any::pack(&()));
    }
}

#[test]
fn a_type_that_is_not_known_is_an_error_in_json_alone() {
    let any = Any {
        type_url: "type.googleapis.com/no.Such".to_owned(),
        value: vec![1, 2, 3].into(),
    };
    let mut bytes = Vec::new();
    any.encode(&mut bytes);
    assert_eq!(Any::decode(&bytes.into(), MEMORY).unwrap(), any);
    let error = json(&any).unwrap_err();
    assert!(
        error.chain().contains("unknown message type `no.Such`"),
        "{}",
        error.chain()
    );
    let error = read(r#"{"@type":"x/no.Such"}"#).unwrap_err();
    assert!(
        error.message().contains("`#[micro::message(any)]`"),
        "{error}"
    );
    for given in [
        r#"{"value":1}"#,
        r#"{"@type":1}"#,
        r#"{"@type":"a","@type":"a"}"#,
        "[]",
    ] {
        assert!(read(given).is_err(), "{given}");
    }
}

#[test]
fn hostile_nesting_and_sizes_are_errors() {
    let mut any = Any::default();
    for _ in 0..10_000 {
        any = Any {
            type_url: "/google.protobuf.Any".to_owned(),
            value: {
                let mut bytes = Vec::new();
                any.encode(&mut bytes);
                bytes.into()
            },
        };
    }
    let error = json(&any).unwrap_err();
    assert!(
        error.chain().contains("nested too deeply"),
        "{}",
        error.chain()
    );
    let open = r#"{"@type":"/google.protobuf.Any","value":"#.repeat(5_000);
    assert!(read(&open).is_err());
    let wide = format!(
        r#"{{"@type":"/awkward.v1.Tree","x":[{}0]}}"#,
        "0,".repeat(100_000)
    );
    let error = read(&wide).unwrap_err();
    assert!(
        error.message().contains("more memory than allowed"),
        "{error}"
    );
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(Value::decode_json(deep.as_bytes(), MEMORY).is_err());
}

#[test]
fn a_mask_that_would_not_come_back_has_no_json() {
    let mask = |path: &str| FieldMask {
        paths: vec![path.to_owned()],
    };
    for path in ["fooBar", "foo__bar", "foo_3", "foo_"] {
        let mut out = Vec::new();
        assert!(mask(path).encode_json(&mut out).is_err(), "{path}");
    }
    assert!(FieldMask::decode_json(br#""foo_bar""#, MEMORY).is_err());
    let read = FieldMask::decode_json(br#""fooBar""#, MEMORY).unwrap();
    assert_eq!(read, mask("foo_bar"));
}
