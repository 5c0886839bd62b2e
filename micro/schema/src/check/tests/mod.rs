//! Every kind of change: which users it breaks, and the place that the finding names.

mod http;
mod names;
mod required;

use super::*;
use crate::model::sample::{field, sample};
use crate::model::{Field, Http, Kind, Label, Method, Service, Value};

/// The sample without plain HTTP rules, whose findings have tests of their own.
fn plain() -> Schema {
    let mut schema = sample();
    method(&mut schema, "Get").http.clear();
    schema
}

/// The report for a change of the sample.
fn changed(change: impl FnOnce(&mut Schema)) -> Report {
    let (old, mut new) = (plain(), plain());
    change(&mut new);
    new.sort();
    Schema::check(&old, &new)
}

fn item(schema: &mut Schema) -> &mut Message {
    &mut schema.files[0].messages[0]
}

fn of<'a>(schema: &'a mut Schema, name: &str) -> &'a mut Field {
    item(schema)
        .fields
        .iter_mut()
        .find(|field| field.name == name)
        .unwrap()
}

fn method<'a>(schema: &'a mut Schema, name: &str) -> &'a mut Method {
    let mut methods = schema.files[0].services[0].methods.iter_mut();
    methods.find(|method| method.name == name).unwrap()
}

/// The only finding: its place, and the users that it breaks.
#[track_caller]
fn one(report: &Report) -> (&str, Vec<Affected>) {
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    let whom = finding.harms.iter().map(|harm| harm.whom).collect();
    (&finding.place, whom)
}

use Affected::{Http as ByHttp, Json, NewCallers, OldCallers, Sources, StoredData};

const BINARY: [Affected; 3] = [OldCallers, NewCallers, StoredData];

#[test]
fn an_unchanged_schema_has_no_findings() {
    let report = changed(|schema| {
        item(schema).doc = "Other words.".to_owned();
        schema.files[0].name = "elsewhere.proto".to_owned();
    });
    assert!(report.is_compatible() && report.is_unchanged(), "{report}");
    assert_eq!(report.to_string(), "the schema is unchanged");
}

#[test]
fn additions_do_not_break_anything() {
    let report = changed(|schema| {
        item(schema)
            .fields
            .push(field(40, "length", Label::Single, Kind::Bool));
        item(schema).reserved.push((50, 50));
        schema.files[0].messages.push(Message {
            name: "More".to_owned(),
            ..Message::default()
        });
        schema.files[0].enums[0].values.push(Value {
            name: "COLOUR_BLUE".to_owned(),
            number: 7,
            ..Value::default()
        });
        let more = Method::new("More", "shop.Item", "shop.More");
        schema.files[0].services[0].methods.push(more);
        schema.files[0].services.push(Service {
            name: "Other".to_owned(),
            ..Service::default()
        });
        method(schema, "Watch").idempotent = true;
    });
    assert!(report.is_compatible() && !report.is_unchanged(), "{report}");
    assert_eq!(report.findings(), []);
    let starts: Vec<_> = report
        .additions()
        .iter()
        .map(|text| text.split(" (").next())
        .collect();
    let expected = [
        "`shop.Cart/Watch` is idempotent",
        "field `shop.Item.length`",
        "message `shop.More`",
        "method `shop.Cart/More`",
        "service `shop.Other`",
        "value `shop.Colour.COLOUR_BLUE`",
    ];
    assert_eq!(starts, expected.map(Some));
}

#[test]
fn a_removed_field_must_reserve_its_tag() {
    let gone = |schema: &mut Schema| item(schema).fields.retain(|field| field.name != "raw");
    let report = changed(gone);
    assert_eq!(one(&report), ("shop.Item.raw", BINARY.to_vec()));
    assert!(report.to_string().contains("`reserved(10)`"), "{report}");
    assert!(
        report
            .to_string()
            .contains("`shop.Item.raw` (shop.proto): "),
        "{report}"
    );
    let report = changed(|schema| {
        gone(schema);
        item(schema).reserved.push((10, 10));
    });
    assert_eq!(one(&report), ("shop.Item.raw", Vec::new()));
    assert!(report.is_compatible() && !report.is_unchanged());
}

#[test]
fn a_renamed_field_breaks_only_json_and_sources() {
    let report = changed(|schema| {
        let field = of(schema, "sku");
        (field.name, field.json_name) = ("code".to_owned(), "code".to_owned());
    });
    assert_eq!(one(&report), ("shop.Item.sku", vec![Json, Sources]));
    assert!(
        report.to_string().contains("`#[micro(name = \"sku\")]`"),
        "{report}"
    );
    let report = changed(|schema| of(schema, "sku").json_name = "SKU".to_owned());
    assert_eq!(one(&report), ("shop.Item.sku", vec![Json]));
}

#[test]
fn a_reused_tag_is_distinguished_from_a_renamed_field() {
    let report = changed(|schema| {
        *of(schema, "raw") = field(10, "width", Label::Single, Kind::Double);
    });
    let mut whom = BINARY.to_vec();
    whom.push(Json);
    assert_eq!(one(&report), ("shop.Item.raw", whom));
    assert!(
        report
            .to_string()
            .contains("its tag 10 is reused by `width`"),
        "{report}"
    );
}

#[test]
fn reordered_fields_change_their_tags() {
    let report = changed(|schema| {
        (of(schema, "raw").tag, of(schema, "weight").tag) = (11, 10);
    });
    let places: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| &*finding.place)
        .collect();
    assert_eq!(places, ["shop.Item.raw", "shop.Item.weight"]);
    assert!(
        report
            .to_string()
            .contains("its tag was 10 and is 11, and tag 10 is `weight`")
    );
    assert!(!report.findings()[0].breaks(Json), "{report}");
}

#[test]
fn a_field_with_a_new_tag_and_type_breaks_json_too() {
    let all = [OldCallers, NewCallers, StoredData, Json];
    let moved = |change: fn(&mut Field)| {
        changed(|schema| {
            let field = of(schema, "raw");
            field.tag = 40;
            change(field);
        })
    };
    assert_eq!(one(&moved(|_| ())), ("shop.Item.raw", BINARY.to_vec()));
    for change in [
        (|field| field.kind = Kind::String) as fn(&mut Field),
        |field| field.label = Label::Repeated,
        |field| field.json_name = "RAW".to_owned(),
    ] {
        assert_eq!(one(&moved(change)), ("shop.Item.raw", all.to_vec()));
    }
}

#[test]
fn new_fields_must_not_use_reserved_tags() {
    let report = changed(|schema| {
        item(schema)
            .fields
            .push(field(9, "length", Label::Single, Kind::Bool));
        item(schema).reserved.retain(|range| *range != (9, 9));
    });
    assert_eq!(one(&report), ("shop.Item.length", BINARY.to_vec()));
    let report = changed(|schema| item(schema).reserved.clear());
    assert_eq!(report.findings().len(), 2, "{report}");
    assert!(report.is_compatible());
}

#[test]
fn types_are_compared_by_their_encoding() {
    let kind = |name: &'static str, kind: Kind| changed(move |schema| of(schema, name).kind = kind);
    let all = vec![OldCallers, NewCallers, StoredData, Json];
    let report = kind("sku", Kind::Int32);
    assert_eq!(one(&report), ("shop.Item.sku", all.clone()));
    assert!(
        report
            .to_string()
            .contains("tag 1 was `string` and is `int32`"),
        "{report}"
    );
    let report = kind("count", Kind::Uint64);
    assert_eq!(one(&report), ("shop.Item.count", vec![Json]));
    for said in ["truncates larger values", "numbers become text"] {
        assert!(report.to_string().contains(said), "{report}");
    }
    assert_eq!(
        one(&kind("prices", Kind::Double)),
        ("shop.Item.prices", all.clone())
    );
    let report = changed(|schema| of(schema, "prices").label = Label::Map(Kind::Int32));
    assert_eq!(one(&report), ("shop.Item.prices", all.clone()));
    let report = changed(|schema| of(schema, "prices").label = Label::Repeated);
    assert_eq!(one(&report), ("shop.Item.prices", all));
}

#[test]
fn changes_of_presence_and_lists_are_breaking() {
    let label = |name: &'static str, label| changed(move |schema| of(schema, name).label = label);
    let absent = vec![OldCallers, StoredData];
    assert_eq!(
        one(&label("count", Label::Single)),
        ("shop.Item.count", absent.clone())
    );
    assert_eq!(
        one(&label("weight", Label::Optional)),
        ("shop.Item.weight", absent)
    );
    // A message field always has presence.
    assert!(label("made_at", Label::Optional).is_compatible());
    let report = label("sku", Label::Repeated);
    assert_eq!(one(&report), ("shop.Item.sku", vec![NewCallers, Json]));
    let report = label("parts", Label::Single);
    assert_eq!(
        one(&report),
        ("shop.Item.parts", vec![OldCallers, StoredData, Json])
    );
}

#[test]
fn changes_of_a_oneof_affect_the_fields_that_share_it() {
    let into = |name: &'static str, oneof: Option<&'static str>| {
        changed(move |schema| of(schema, name).oneof = oneof.map(str::to_owned))
    };
    let places = |report: &Report| -> Vec<String> {
        report
            .findings()
            .iter()
            .map(|finding| finding.place.clone())
            .collect()
    };
    let report = into("made_at", Some("payment"));
    let all = ["shop.Item.card", "shop.Item.cash", "shop.Item.made_at"];
    assert_eq!(places(&report), all);
    assert!(
        report
            .to_string()
            .contains("it was in no oneof and is in the oneof `payment`")
    );
    assert_eq!(places(&into("cash", None)), all[..2]);
    // A single field in a oneof, which had presence before.
    assert!(into("count", Some("own")).is_compatible());
    let report = changed(|schema| {
        for name in ["card", "cash"] {
            of(schema, name).oneof = Some("means".to_owned());
        }
    });
    assert!(report.is_compatible(), "{report}");
}

#[test]
fn enum_values_must_keep_number_and_name() {
    let red = |change: fn(&mut Vec<Value>)| {
        changed(move |schema| change(&mut schema.files[0].enums[0].values))
    };
    let place = "shop.Colour.COLOUR_RED";
    let report = red(|values| values.truncate(1));
    assert_eq!(one(&report), (place, vec![OldCallers, StoredData, Json]));
    let report = red(|values| values[1].number = 4);
    assert_eq!(one(&report), (place, BINARY.to_vec()));
    let report = red(|values| values[1].name = "COLOUR_ROUGE".to_owned());
    assert_eq!(one(&report), (place, vec![Json, Sources]));
    let report = changed(|schema| {
        schema.files[0].enums[0].values.truncate(1);
        schema.files[0].enums[0].reserved.push((1, 1));
    });
    assert_eq!(one(&report), (place, Vec::new()));
    let report = changed(|schema| {
        schema.files[0].enums[0].reserved.clear();
        schema.files[0].enums[0].values[1].number = 2;
    });
    assert_eq!(one(&report).0, place);
}

#[test]
fn services_and_methods_must_not_be_removed() {
    let report = changed(|schema| schema.files[0].services.clear());
    assert_eq!(one(&report), ("shop.Cart", vec![OldCallers, Sources]));
    let report = changed(|schema| {
        schema.files[0].services[0].methods.remove(0);
    });
    assert_eq!(one(&report), ("shop.Cart/Get", vec![OldCallers, Sources]));
    assert!(
        report
            .to_string()
            .contains("`shop.Cart/Get` (shop.proto): "),
        "{report}"
    );
    let report = changed(|schema| method(schema, "Watch").streams_responses = false);
    assert_eq!(
        one(&report),
        ("shop.Cart/Watch", vec![OldCallers, NewCallers, Sources])
    );
    assert!(
        report
            .to_string()
            .contains("it was a server stream and is unary")
    );
    let report = changed(|schema| method(schema, "Get").reply = "shop.Item".to_owned());
    assert_eq!(
        one(&report),
        ("shop.Cart/Get", vec![OldCallers, NewCallers, Json])
    );
    let report = changed(|schema| method(schema, "Get").idempotent = false);
    assert_eq!(one(&report), ("shop.Cart/Get", vec![OldCallers, ByHttp]));
}

#[test]
fn a_renamed_message_is_one_finding_and_its_fields_are_compared() {
    let report = changed(|schema| {
        item(schema).messages[0].name = "Coins".to_owned();
        item(schema).messages[0].fields[0].kind = Kind::Sint64;
        of(schema, "cash").kind = Kind::Message("shop.Item.Coins".to_owned());
    });
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| &*finding.place)
        .collect();
    assert_eq!(
        found,
        ["shop.Item.Cash", "shop.Item.Cash.coins"],
        "{report}"
    );
    assert_eq!(report.findings()[0].harms.len(), 2);
    let [harm] = &report.findings()[1].harms[..] else {
        panic!("{report}")
    };
    assert_eq!(harm.whom, Json);
}

#[test]
fn removing_an_unused_message_breaks_stored_data() {
    let lone = |schema: &mut Schema| {
        schema.files[0].messages.push(Message {
            name: "Paid".to_owned(),
            ..Message::default()
        });
    };
    let (mut old, new) = (sample(), sample());
    lone(&mut old);
    let report = Schema::check(&old, &new);
    assert_eq!(one(&report), ("shop.Paid", vec![StoredData, Sources]));
    let report = Schema::check(&new, &old);
    assert_eq!(report.additions(), ["message `shop.Paid`"]);
}
