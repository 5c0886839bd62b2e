//! What must be sent: fields, variants of a choice, values of enums.

use super::*;

/// The sample, which knows what must be sent, and a change of it.
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

/// The other way round.
fn back(change: impl FnOnce(&mut Schema)) -> Report {
    let (old, new) = knowing(change);
    Schema::check(&new, &old)
}

fn cash(schema: &mut Schema) -> &mut Message {
    &mut item(schema).messages[0]
}

/// `shop.Item` is what `Watch` replies with.
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
fn a_new_field_that_must_be_sent_is_refused_where_it_is_missing() {
    let report = changed(new_field);
    assert_eq!(one(&report), ("shop.Item.shape", ALL.to_vec()));
    assert!(report.to_string().contains("must be sent"), "{report}");
    let (mut old, new) = knowing(new_field);
    old.files[0].services[0].methods.clear();
    let report = Schema::check(&old, &new);
    let whom = vec![OldCallers, StoredData, Json];
    assert_eq!(one(&report), ("shop.Item.shape", whom));
    // Who sends it by plain HTTP.
    let (mut old, mut new) = knowing(new_field);
    for schema in [&mut old, &mut new] {
        method(schema, "Get").http = vec![Http::new("POST", "/v1/items/{sku}")];
    }
    let mut whom = ALL.to_vec();
    whom.push(ByHttp);
    assert_eq!(one(&Schema::check(&old, &new)), ("shop.Item.shape", whom));
}

#[test]
fn a_field_that_could_be_left_out_must_not_be_asked_for() {
    let need = |name: &'static str| move |schema: &mut Schema| of(schema, name).required = true;
    assert_eq!(
        one(&changed(need("colour"))),
        ("shop.Item.colour", ALL.to_vec())
    );
    let report = back(need("colour"));
    assert!(report.is_compatible() && !report.is_unchanged(), "{report}");
    assert_eq!(report.additions().len(), 1, "{report}");
    // An enum that knew absent.
    let (mut old, mut new) = knowing(need("colour"));
    of(&mut old, "colour").label = Label::Optional;
    assert_eq!(
        one(&Schema::check(&old, &new)),
        ("shop.Item.colour", ALL.to_vec())
    );
    assert!(Schema::check(&new, &old).is_compatible());
    // What an earlier file says of enums that know absent is enough.
    old.files[0].knows_required = false;
    assert!(!Schema::check(&old, &new).is_compatible());
    of(&mut old, "colour").label = Label::Single;
    new.files[0].name = "other.proto".to_owned();
    let report = Schema::check(&old, &new);
    assert!(report.is_compatible(), "{report}");
}

#[test]
fn a_field_that_old_readers_ask_for_must_stay() {
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
fn what_a_message_asks_for_is_found_there_alone() {
    let report = changed(|schema| {
        cash(schema).fields[0].required = true;
        of(schema, "cash").required = true;
    });
    assert_eq!(one(&report), ("shop.Item.Cash.coins", ALL.to_vec()));
}

#[test]
fn a_message_that_becomes_a_choice_is_refused_where_none_is_set() {
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
fn variants_of_a_choice_are_as_values_of_an_enum() {
    let start = |schema: &mut Schema| cash(schema).choice = true;
    let (_, old) = knowing(start);
    let mut new = old.clone();
    let notes = field(2, "notes", Label::Single, Kind::Uint32);
    cash(&mut new).fields.push(notes);
    let report = Schema::check(&old, &new);
    let told = ["variant `shop.Item.Cash.notes` (an old reader refuses it)"];
    assert_eq!(report.additions(), told);
    let (old, mut new) = (new, old);
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Item.Cash.notes", ALL.to_vec()));
    cash(&mut new).reserved.push((2, 2));
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Item.Cash.notes", Vec::new()));
    assert!(report.to_string().contains("are refused"), "{report}");
}

#[test]
fn enums_know_what_they_have_for_unknown_numbers() {
    let colour = |schema: &mut Schema| {
        schema.files[0].enums[0].values.push(Value {
            name: "COLOUR_BLUE".to_owned(),
            number: 7,
            ..Value::default()
        });
    };
    let said = ["value `shop.Colour.COLOUR_BLUE` (an old reader refuses it)"];
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
fn a_zero_that_no_variant_has_is_no_value() {
    let none = |schema: &mut Schema| schema.files[0].enums[0].values[0].placeholder = true;
    let whom = vec![OldCallers, StoredData, Json];
    let place = "shop.Colour.COLOUR_UNSPECIFIED";
    assert_eq!(one(&changed(none)), (place, whom));
    let report = back(none);
    assert!(report.is_compatible(), "{report}");
    assert_eq!(report.additions().len(), 1, "{report}");
    // An earlier file does not say that it is none.
    let (mut old, new) = knowing(none);
    old.files[0].knows_required = false;
    let report = Schema::check(&old, &new);
    assert!(report.is_compatible(), "{report}");
    assert_eq!(
        report.additions(),
        ["what must be sent, which `shop.proto` did not say"]
    );
}
