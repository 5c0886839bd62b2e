//! Names in JSON: aliases of values, and names that are reserved.

use super::*;

fn value(number: i32, name: &str) -> Value {
    Value {
        name: name.to_owned(),
        number,
        ..Value::default()
    }
}

/// Compares two versions of an enum `shop.Colour`, which have these values in addition to the first
/// one.
fn values(old: &[(i32, &str)], new: &[(i32, &str)]) -> Report {
    let schema = |values: &[(i32, &str)]| {
        let mut schema = plain();
        let colour = &mut schema.files[0].enums[0];
        colour.values.truncate(1);
        let values = values.iter().map(|(number, name)| value(*number, name));
        colour.values.extend(values);
        schema
    };
    Schema::check(&schema(old), &schema(new))
}

#[test]
fn json_writes_the_first_name_of_a_number() {
    let report = values(&[(1, "A")], &[(1, "B"), (1, "A")]);
    assert_eq!(one(&report), ("shop.Colour.A", vec![Json]));
    assert!(
        report.to_string().contains("JSON now writes 1 as `B`"),
        "{report}"
    );
    let report = values(&[(1, "A"), (1, "B")], &[(1, "B"), (1, "A")]);
    assert_eq!(one(&report), ("shop.Colour.A", vec![Json]));
    let report = values(&[(1, "A")], &[(1, "A"), (1, "B")]);
    assert!(report.is_compatible(), "{report}");
    let said = ["name `shop.Colour.B` of 1 (old readers of JSON reject it)"];
    assert_eq!(report.additions(), said);
}

#[test]
fn a_removed_alias_does_not_affect_bytes() {
    let both = [(1, "A"), (1, "B")];
    for (left, gone) in [("A", "shop.Colour.B"), ("B", "shop.Colour.A")] {
        let report = values(&both, &[(1, left)]);
        assert_eq!(one(&report), (gone, vec![Json, Sources]));
    }
    let report = values(&[(1, "A")], &[(1, "B")]);
    assert_eq!(one(&report), ("shop.Colour.A", vec![Json, Sources]));
    assert!(report.to_string().contains("is now called `B`"), "{report}");
    assert!(report.additions().is_empty(), "{report}");
}

#[test]
fn new_items_must_not_use_reserved_names() {
    let report = changed(|schema| {
        item(schema)
            .fields
            .push(field(40, "size", Label::Single, Kind::Bool));
        item(schema).reserved_names.clear();
    });
    assert_eq!(one(&report), ("shop.Item.size", vec![Json]));
    // A different name that is the same in JSON.
    let report = changed(|schema| {
        let odd = field(40, "big", Label::Single, Kind::Bool);
        item(schema).fields.push(Field {
            json_name: "size".to_owned(),
            ..odd
        });
    });
    assert_eq!(one(&report), ("shop.Item.big", vec![Json]));
    let mut old = plain();
    old.files[0].enums[0].reserved_names.push("BLUE".to_owned());
    let mut new = plain();
    new.files[0].enums[0].values.push(value(8, "BLUE"));
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Colour.BLUE", vec![Json]));
}

#[test]
fn a_released_reservation_is_a_note() {
    let report = changed(|schema| item(schema).reserved_names.clear());
    assert_eq!(one(&report), ("shop.Item", Vec::new()));
    let said = report.to_string();
    assert!(
        said.contains("the name `size` is no longer reserved"),
        "{said}"
    );
    let report = changed(|schema| schema.files[0].enums[0].reserved.clear());
    assert_eq!(one(&report), ("shop.Colour", Vec::new()));
    let said = report.to_string();
    assert!(
        said.contains("number 2 to 3 is no longer reserved"),
        "{said}"
    );
    assert!(said.contains("`reserved(2..=3)`"), "{said}");
    assert!(!report.is_unchanged());
}
