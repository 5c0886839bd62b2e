//! Requirements: fields, variants of a choice, values of enums.

use super::*;

/// The sample with recorded requirements, and a changed copy of it.
fn knowing(change: impl FnOnce(&mut Schema)) -> (Schema, Schema) {
    let mut old = plain();
    old.files[0].knows_required = true;
    let mut new = old.clone();
    change(&mut new);
    new.sort();
    (old, new)
}

fn changed(change: impl FnOnce(&mut Schema)) -> Report {
    let (old, new) = knowing(change);
    Schema::check(&old, &new)
}

/// The report for undoing a change.
fn back(change: impl FnOnce(&mut Schema)) -> Report {
    let (old, new) = knowing(change);
    Schema::check(&new, &old)
}

fn cash(schema: &mut Schema) -> &mut Message {
    &mut item(schema).messages[0]
}

/// Adds a field to `shop.Item`, which `Watch` responds with.
const ALL: [Affected; 4] = [OldCallers, NewCallers, StoredData, Json];

fn new_field(schema: &mut Schema) {
    let shape = field(
        40,
        "shape",
        Label::Single,
        Kind::Message("shop.Item".to_owned()),
    );
    item(schema).fields.push(Field {
        required: true,
        ..shape
    });
}

#[test]
fn messages_without_a_new_required_field_are_rejected() {
    let report = changed(new_field);
    assert_eq!(one(&report), ("shop.Item.shape", ALL.to_vec()));
    assert!(report.to_string().contains("must be sent"), "{report}");
    let (mut old, new) = knowing(new_field);
    old.files[0].services[0].methods.clear();
    let report = Schema::check(&old, &new);
    let whom = vec![OldCallers, StoredData, Json];
    assert_eq!(one(&report), ("shop.Item.shape", whom));
    // Plain HTTP callers are affected, too.
    let (mut old, mut new) = knowing(new_field);
    for schema in [&mut old, &mut new] {
        method(schema, "Get").http = vec![Http::new("POST", "/v1/items/{sku}")];
    }
    let mut whom = ALL.to_vec();
    whom.push(ByHttp);
    assert_eq!(one(&Schema::check(&old, &new)), ("shop.Item.shape", whom));
}

#[test]
fn an_optional_field_must_not_become_required() {
    let need = |name: &'static str| move |schema: &mut Schema| of(schema, name).required = true;
    assert_eq!(
        one(&changed(need("colour"))),
        ("shop.Item.colour", ALL.to_vec())
    );
    let report = back(need("colour"));
    assert!(report.is_compatible() && !report.is_unchanged(), "{report}");
    assert_eq!(report.additions().len(), 1, "{report}");
    // An enum field with presence.
    let (mut old, mut new) = knowing(need("colour"));
    of(&mut old, "colour").label = Label::Optional;
    assert_eq!(
        one(&Schema::check(&old, &new)),
        ("shop.Item.colour", ALL.to_vec())
    );
    assert!(Schema::check(&new, &old).is_compatible());
    // The presence of the enum field is enough, also in a file of an earlier version.
    old.files[0].knows_required = false;
    assert!(!Schema::check(&old, &new).is_compatible());
    of(&mut old, "colour").label = Label::Single;
    new.files[0].name = "other.proto".to_owned();
    let report = Schema::check(&old, &new);
    assert!(report.is_compatible(), "{report}");
}

#[test]
fn a_field_that_old_readers_require_must_not_be_removed() {
    let need = |schema: &mut Schema| of(schema, "raw").required = true;
    let (_, old) = knowing(need);
    let (mut new, mut lacking) = (old.clone(), old.clone());
    item(&mut lacking)
        .fields
        .retain(|field| field.name != "raw");
    item(&mut lacking).reserved.push((10, 10));
    lacking.sort();
    let report = Schema::check(&old, &lacking);
    let whom = vec![NewCallers, OldCallers, Json];
    assert_eq!(one(&report), ("shop.Item.raw", whom));
    item(&mut new).fields.retain(|field| field.name != "raw");
    let report = Schema::check(&old, &new);
    let whom = vec![StoredData, NewCallers, OldCallers, Json];
    assert_eq!(one(&report), ("shop.Item.raw", whom));
}

#[test]
fn a_new_requirement_is_reported_only_at_its_message() {
    let report = changed(|schema| {
        cash(schema).fields[0].required = true;
        of(schema, "cash").required = true;
    });
    assert_eq!(one(&report), ("shop.Item.Cash.coins", ALL.to_vec()));
}

#[test]
fn a_message_that_becomes_a_choice_is_rejected_when_none_is_set() {
    let choose = |schema: &mut Schema| {
        cash(schema).choice = true;
        of(schema, "cash").required = true;
    };
    assert_eq!(one(&changed(choose)), ("shop.Item.Cash", ALL.to_vec()));
    let report = back(choose);
    assert!(report.is_compatible(), "{report}");
    assert_eq!(report.additions().len(), 2, "{report}");
}

#[test]
fn variants_of_a_choice_are_compared_like_enum_values() {
    let start = |schema: &mut Schema| cash(schema).choice = true;
    let (_, old) = knowing(start);
    let mut new = old.clone();
    let notes = field(2, "notes", Label::Single, Kind::Uint32);
    cash(&mut new).fields.push(notes);
    let report = Schema::check(&old, &new);
    let told = ["variant `shop.Item.Cash.notes` (old readers reject it)"];
    assert_eq!(report.additions(), told);
    let (old, mut new) = (new, old);
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Item.Cash.notes", ALL.to_vec()));
    cash(&mut new).reserved.push((2, 2));
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Item.Cash.notes", Vec::new()));
    assert!(report.to_string().contains("are rejected"), "{report}");
}

#[test]
fn enums_record_whether_they_accept_unknown_numbers() {
    let colour = |schema: &mut Schema| {
        schema.files[0].enums[0].values.push(Value {
            name: "COLOUR_BLUE".to_owned(),
            number: 7,
            ..Value::default()
        });
    };
    let said = ["value `shop.Colour.COLOUR_BLUE` (old readers reject it)"];
    assert_eq!(changed(colour).additions(), said);
    let (mut old, mut new) = knowing(colour);
    old.files[0].enums[0].catch_all = true;
    let report = Schema::check(&old, &new);
    let whom = vec![OldCallers, StoredData, Json];
    assert_eq!(one(&report), ("shop.Colour", whom));
    new.files[0].enums[0].catch_all = true;
    let report = Schema::check(&old, &new);
    assert_eq!(report.additions(), ["value `shop.Colour.COLOUR_BLUE`"]);
    assert!(report.is_compatible(), "{report}");
}

#[test]
fn a_placeholder_zero_is_not_a_value() {
    let none = |schema: &mut Schema| schema.files[0].enums[0].values[0].placeholder = true;
    let whom = vec![OldCallers, StoredData, Json];
    let place = "shop.Colour.COLOUR_UNSPECIFIED";
    assert_eq!(one(&changed(none)), (place, whom));
    let report = back(none);
    assert!(report.is_compatible(), "{report}");
    assert_eq!(report.additions().len(), 1, "{report}");
    // A file of an earlier version does not record placeholders.
    let (mut old, new) = knowing(none);
    old.files[0].knows_required = false;
    let report = Schema::check(&old, &new);
    assert!(report.is_compatible(), "{report}");
    assert_eq!(
        report.additions(),
        ["required fields, which `shop.proto` did not record"]
    );
}
