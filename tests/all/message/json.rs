//! JSON, without another implementation.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use micro::Error;
use micro::codec::Message;
use micro::types::{Any, FieldMask};

use super::model::{self, Item, Level, Shape, Status, Torture};

const MEMORY: usize = 1 << 20;

fn text<M: Message>(message: &M) -> String {
    let mut out = Vec::new();
    message.encode_json(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn read<M: Message>(text: &str) -> Result<M, Error> {
    M::decode_json(text.as_bytes(), MEMORY)
}

#[test]
fn every_kind_of_field_comes_back() {
    for message in [model::full(), model::sparse()] {
        let text = text(&message);
        assert_eq!(read::<Torture>(&text).unwrap(), message, "{text}");
    }
}

#[test]
fn fractions_come_back_to_the_last_bit() {
    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Measured {
        double: f64,
        float: f32,
    }
    let mut random = fastrand::Rng::with_seed(23);
    let mut doubles = vec![2.222_222_222_222_221_9e46, f64::MIN_POSITIVE, 5e-324];
    doubles.extend((0..20_000).map(|_| f64::from_bits(random.u64(..))));
    for double in doubles.into_iter().filter(|double| !double.is_nan()) {
        let float = f32::from_bits(random.u32(..));
        let float = if float.is_nan() { 0.1 } else { float };
        let message = Measured { double, float };
        let text = text(&message);
        assert_eq!(read::<Measured>(&text).unwrap(), message, "{text}");
    }
}

#[test]
fn both_spellings_of_a_name_and_null_are_read() {
    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Person {
        first_name: String,
        age: Option<u64>,
    }
    let ada = Person {
        first_name: "Ada".to_owned(),
        age: None,
    };
    for given in [
        r#"{"firstName":"Ada"}"#,
        r#"{"first_name":"Ada","age":null,"x":[{}]}"#,
    ] {
        assert_eq!(read::<Person>(given).unwrap(), ada);
    }
    assert_eq!(text(&ada), r#"{"firstName":"Ada"}"#);
    let old = Person {
        age: Some(u64::MAX),
        ..ada
    };
    assert_eq!(
        text(&old),
        r#"{"firstName":"Ada","age":"18446744073709551615"}"#
    );
    for age in ["18446744073709551615", "\"18446744073709551615\""] {
        let given = format!(r#"{{"firstName":"Ada","age":{age}}}"#);
        assert_eq!(read::<Person>(&given).unwrap(), old);
    }
}

#[test]
fn names_of_enums_are_read_in_every_spelling() {
    for name in [
        "\"STATUS_GONE_AWAY\"",
        "\"GONE_AWAY\"",
        "\"GoneAway\"",
        "5",
        "5.0",
    ] {
        let given = format!(r#"{{"status":{name},"shape":{{"nothing":{{}}}}}}"#);
        match read::<Torture>(&given) {
            Ok(message) => assert_eq!(message.status, Status::GoneAway),
            Err(error) => assert_eq!(name, "5.0", "{error}"),
        }
    }
    assert_eq!(serde_json::to_string(&Level::Other(7)).unwrap(), "7");
    assert_eq!(serde_json::from_str::<Level>("7").unwrap(), Level::Other(7));
}

#[test]
fn a_choice_is_an_object_of_one_name() {
    let rect = Shape::Rect {
        width: 2.0,
        height: 0.0,
    };
    assert_eq!(text(&rect), r#"{"rect":{"width":2.0}}"#);
    assert_eq!(read::<Shape>(r#"{"rect":{"width":2}}"#).unwrap(), rect);
    assert_eq!(text(&Shape::Nothing), r#"{"nothing":{}}"#);
    assert_eq!(text(&Shape::Circle(0.0)), r#"{"circle":0.0}"#);
    let error = read::<Shape>(r#"{"circle":1,"nothing":{}}"#).unwrap_err();
    assert!(
        error.message().contains("another variant is given already"),
        "{error}"
    );
    let error = read::<Shape>("{}").unwrap_err();
    assert!(
        error
            .message()
            .contains("circle, named, rect, move, nothing"),
        "{error}"
    );
}

#[test]
fn mistakes_name_field_line_and_column() {
    let error = read::<Torture>("{\n \"items\": [{}, {\"count\": -1}]}").unwrap_err();
    assert_eq!(
        error.message(),
        "cannot read field `items[1].count` of `torture.Torture` from JSON: \
         -1 is out of range for `u32` at line 2 column 27"
    );
    let error = read::<Item>(r#"{"count":1,"count":2}"#).unwrap_err();
    assert!(error.message().contains("field `count`"), "{error}");
    assert!(error.message().contains("given twice"), "{error}");
    assert!(read::<Item>(r#"{"name":"a"} x"#).is_err());
}

#[test]
fn memory_and_nesting_are_bounded() {
    let deep = format!("{}{}", r#"{"left":"#.repeat(200), "}".repeat(200));
    assert!(read::<model::Tree>(&deep).is_err());
    let wide = format!(r#"{{"children":[{}{{}}]}}"#, "{},".repeat(10_000));
    let error = model::Tree::decode_json(wide.as_bytes(), 100_000).unwrap_err();
    assert!(
        error.message().contains("more memory than allowed"),
        "{error}"
    );
}

#[test]
fn serde_goes_the_same_way() {
    let item = Item {
        name: "n".to_owned(),
        count: 1,
    };
    assert_eq!(serde_json::to_string(&item).unwrap(), text(&item));
    assert_eq!(serde_json::from_str::<Item>(&text(&item)).unwrap(), item);
}

#[micro::message(package = "shown")]
#[derive(Debug, Clone, PartialEq)]
struct Every {
    flag: bool,
    number: i64,
    float: f64,
    height: Height,
    keyed: BTreeMap<u32, bool>,
    list: Vec<String>,
    inner: Option<Box<Every>>,
    length: Duration,
    time: Option<SystemTime>,
    mask: FieldMask,
    any: Any,
}

#[micro::message(package = "shown")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Height {
    #[default]
    Low,
}

#[test]
fn no_error_about_json_repeats_all_of_a_long_text() {
    let long = "_A".repeat(500_000);
    let of = |name: &str| format!(r#"{{"{name}":"{long}"}}"#);
    let fields = [
        "flag", "number", "float", "height", "keyed", "list", "inner", "length", "time", "mask",
        "any",
    ];
    let entries = [
        format!(r#"{{"keyed":{{"{long}":true}}}}"#),
        format!(r#"{{"any":{{"@type":"{long}"}}}}"#),
        format!(r#""{long}""#),
    ];
    for json in fields.into_iter().map(of).chain(entries) {
        let error = Every::decode_json(json.as_bytes(), 16 << 20).unwrap_err();
        let text = error.message();
        assert!(text.len() < 300, "{} bytes: {:.300}", text.len(), text);
    }
}

#[test]
fn integers_outside_their_type_are_refused_wherever_they_are() {
    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Numbers {
        #[micro(default)]
        number: i64,
        #[micro(default)]
        count: u64,
        #[micro(default)]
        small: i32,
        list: Vec<i64>,
        by_key: BTreeMap<i64, u32>,
        wrapped: Option<i64>,
    }
    for given in [
        r#"{"number":-9223372036854775809}"#,
        r#"{"number":"-9223372036854775809"}"#,
        r#"{"number":9223372036854775808}"#,
        r#"{"number":"9.223372036854775808e18"}"#,
        r#"{"number":1e19}"#,
        r#"{"count":18446744073709551616}"#,
        r#"{"count":"18446744073709551616"}"#,
        r#"{"count":-1}"#,
        r#"{"small":2147483648}"#,
        r#"{"small":-2147483649.0}"#,
        r#"{"small":"2.147483648e9"}"#,
        r#"{"small":1.5}"#,
        r#"{"list":[0,-9223372036854775809]}"#,
        r#"{"byKey":{"-9223372036854775809":1}}"#,
        r#"{"byKey":{"1":4294967296}}"#,
        r#"{"wrapped":-9223372036854775809}"#,
    ] {
        let error = read::<Numbers>(given).unwrap_err();
        assert_eq!(error.kind(), micro::ErrorKind::InvalidArgument, "{given}");
    }
    let error = read::<Numbers>(r#"{"number":-9223372036854775809}"#).unwrap_err();
    assert!(
        error.message().contains("out of range for `i64`"),
        "{error}"
    );

    let given = r#"{"number":-9223372036854775808,"count":"18446744073709551615","small":-0,
        "list":[1e3,"5.0"],"byKey":{"9223372036854775807":4294967295}}"#;
    let numbers = Numbers {
        number: i64::MIN,
        count: u64::MAX,
        small: 0,
        list: vec![1_000, 5],
        by_key: BTreeMap::from([(i64::MAX, u32::MAX)]),
        wrapped: None,
    };
    assert_eq!(read::<Numbers>(given).unwrap(), numbers);
}

#[test]
fn times_outside_their_bounds_are_refused() {
    #[micro::message]
    #[derive(Debug)]
    struct Times {
        pause: Duration,
        at: SystemTime,
    }
    for given in [
        r#"{"pause":"315576000001s"}"#,
        r#"{"pause":"18446744073709551616s"}"#,
        r#"{"pause":"-1s"}"#,
        r#"{"pause":"1.0000000001s"}"#,
        r#"{"at":"10000-01-01T00:00:00Z"}"#,
        r#"{"at":"0000-12-31T23:59:59Z"}"#,
    ] {
        assert!(read::<Times>(given).is_err(), "{given}");
    }
    assert!(read::<Times>(r#"{"pause":"315576000000s","at":"9999-12-31T23:59:59Z"}"#).is_ok());
}

#[test]
fn levels_that_the_guide_promises_are_read_on_a_usual_stack() {
    use super::model::Tree;

    let reading = || {
        // The outermost message is a level, too. In JSON, objects and lists count, at most 127.
        for (open, close, most, expected) in [
            (r#"{"left":"#, "}", 99, "nested too deeply"),
            (r#"{"children":["#, "]}", 63, "recursion limit exceeded"),
        ] {
            let nested = |levels: usize| {
                let text = [&open.repeat(levels), "{}", &close.repeat(levels)].concat();
                read::<Tree>(&text)
            };
            nested(most).unwrap();
            let error = nested(most + 1).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
    };
    // As large as the stack of a worker of tokio.
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(reading).unwrap().join().unwrap();
}
