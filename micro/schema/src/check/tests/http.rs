//! Plain HTTP: paths are compared by what they match, fields by what fills them.

use super::*;

/// Changes the sample, whose method `Get` has these rules.
fn changed(rules: &[Http], change: impl FnOnce(&mut Schema)) -> Report {
    let mut old = sample();
    method(&mut old, "Get").http = rules.to_vec();
    let mut new = old.clone();
    change(&mut new);
    new.sort();
    Schema::check(&old, &new)
}

fn path(old: &str, new: &str) -> Report {
    let get = |path: &str| Http::new("GET", path);
    changed(&[get(old)], |schema| {
        method(schema, "Get").http = vec![get(new)];
    })
}

/// The findings that affect plain HTTP callers.
fn felt(report: &Report) -> Vec<&str> {
    let findings = report.findings().iter();
    let felt = findings.filter(|finding| finding.breaks(ByHttp));
    felt.map(|finding| &*finding.what).collect()
}

const GET: &str = "`GET /v1/items/{sku}`";

fn get() -> [Http; 1] {
    [Http::new("GET", "/v1/items/{sku}")]
}

fn rules() -> Vec<Http> {
    method(&mut sample(), "Get").http.clone()
}

#[test]
fn http_paths_must_not_be_removed() {
    let report = changed(&rules(), |schema| {
        method(schema, "Get").http[0].path = "/v2/items".to_owned();
    });
    assert_eq!(one(&report), ("shop.Cart/Get", vec![ByHttp]));
    assert_eq!(report.additions(), ["`GET /v2/items` for `shop.Cart/Get`"]);
    let report = changed(&rules(), |schema| {
        method(schema, "Get").http[1].body = "parts".to_owned();
    });
    assert_eq!(one(&report), ("shop.Cart/Get", vec![ByHttp]));
    assert!(
        report.to_string().contains("has a different body"),
        "{report}"
    );
    let more = Http::new("DELETE", "/v1/items/{sku}");
    let report = changed(&rules(), |schema| method(schema, "Get").http.push(more));
    assert!(report.is_compatible());
}

#[test]
fn query_parameters_must_not_be_removed() {
    let gone = |schema: &mut Schema| {
        item(schema).fields.retain(|field| field.name != "count");
        item(schema).reserved.push((2, 2));
    };
    let report = changed(&get(), gone);
    let said = format!("{GET} no longer takes `count`");
    assert_eq!(felt(&report), [&said]);
    let place = &report.findings()[0].place;
    assert_eq!(place, "shop.Cart/Get");
    // Fields that the body fills are not parameters.
    let body = Http {
        body: "*".to_owned(),
        ..Http::new("POST", "/v1/items")
    };
    assert_eq!(felt(&changed(&[body], gone)), [""; 0]);
    let body = Http {
        body: "count".to_owned(),
        ..Http::new("POST", "/v1/items")
    };
    let report = changed(&[body], |schema| of(schema, "weight").kind = Kind::Bytes);
    assert_eq!(
        felt(&report),
        ["`POST /v1/items` reads `weight` differently"]
    );
}

#[test]
fn a_parameter_must_keep_both_of_its_names() {
    let report = changed(&get(), |schema| {
        let field = of(schema, "count");
        (field.name, field.json_name) = ("number".to_owned(), "number".to_owned());
    });
    let said = format!("{GET} no longer takes `count`");
    assert_eq!(felt(&report), [&said]);
    let report = changed(&get(), |schema| {
        of(schema, "made_at").json_name = "made".to_owned();
    });
    let said = format!("{GET} no longer takes `madeAt`");
    assert_eq!(felt(&report), [&said]);
    let report = changed(&get(), |schema| {
        let field = &mut item(schema).messages[0].fields[0];
        (field.name, field.json_name) = ("notes".to_owned(), "notes".to_owned());
    });
    let said = format!("{GET} no longer takes `cash.coins`");
    assert_eq!(felt(&report), [&said]);
}

#[test]
fn a_parameter_must_read_the_same_values() {
    let kind = |name: &'static str, kind: Kind| {
        let report = changed(&get(), move |schema| of(schema, name).kind = kind);
        !felt(&report).is_empty()
    };
    assert!(kind("count", Kind::Int32) && kind("count", Kind::Bool));
    assert!(!kind("count", Kind::Uint64) && !kind("count", Kind::Fixed32));
    assert!(kind("weight", Kind::Int64) && !kind("weight", Kind::Float));
    assert!(kind("raw", Kind::String) && kind("colour", Kind::Int32));
    assert!(kind("sku", Kind::Int32), "a variable of the path");
    let wrapped = Kind::Message("google.protobuf.UInt32Value".to_owned());
    assert!(!kind("count", wrapped));
    let report = changed(&get(), |schema| of(schema, "sizes").label = Label::Single);
    let said = format!("{GET} reads `sizes` differently");
    assert_eq!(felt(&report), [&said]);
}

#[test]
fn names_of_variables_do_not_matter() {
    let report = changed(&get(), |schema| {
        let field = of(schema, "sku");
        (field.name, field.json_name) = ("key".to_owned(), "key".to_owned());
        method(schema, "Get").http[0].path = "/v1/items/{key}".to_owned();
    });
    assert_eq!(felt(&report), [""; 0], "{report}");
    assert!(report.additions().is_empty(), "{report}");
    for (old, new) in [
        ("/v1/{sku}", "/v1/{sku=*}"),
        ("/v1/{sku}", "/v1/{sku=**}"),
        ("/v1/{sku=shelves/*}", "/v1/{sku=*/*}"),
        ("/v1/{sku=a/*}", "/v1/{sku=**}"),
        ("/v1/items", "/v1/%69tems"),
    ] {
        let report = path(old, new);
        assert_eq!(felt(&report), [""; 0], "{old} {new}: {report}");
        assert!(report.additions().is_empty(), "{report}");
    }
}

#[test]
fn a_path_that_matches_less_or_binds_differently_is_removed() {
    for (old, new) in [
        ("/v1/{sku=**}", "/v1/{sku}"),
        ("/v1/{sku=*/*}", "/v1/{sku=shelves/*}"),
        ("/v1/{sku}", "/v1/{sku}:get"),
        ("/v1/{sku}", "/v1/*"),
        ("/v1/{sku}/x", "/v1/{sku=**}"),
        ("/v1/items", "/v1/{sku}"),
        ("/v1/{sku}", "/v1/{sku}/x"),
        ("/v1/{sku}/{weight}", "/v1/{sku=*/*}"),
    ] {
        let report = path(old, new);
        assert_eq!(felt(&report), [format!("`GET {old}` is removed")], "{new}");
    }
}

#[test]
fn a_variable_must_fill_the_same_field() {
    let report = path("/v1/items/{sku}", "/v1/items/{weight}");
    let said = [
        format!("{GET} no longer takes `weight`"),
        format!("{GET} reads `sku` differently"),
    ];
    assert_eq!(felt(&report), said);
}

#[test]
fn bodies_are_compared_by_field_and_not_by_name() {
    let rule = Http {
        body: "cash".to_owned(),
        ..Http::new("POST", "/v1/items")
    };
    let rename = |schema: &mut Schema| {
        let field = of(schema, "cash");
        (field.name, field.json_name) = ("coins".to_owned(), "coins".to_owned());
        method(schema, "Get").http[0].body = "coins".to_owned();
    };
    assert_eq!(felt(&changed(std::slice::from_ref(&rule), rename)), [""; 0]);
    let other = |schema: &mut Schema| method(schema, "Get").http[0].body = "raw".to_owned();
    let report = changed(&[rule], other);
    assert!(
        felt(&report).contains(&"`POST /v1/items` has a different body"),
        "{report}"
    );
}

#[test]
fn a_literal_that_shadows_a_variable_is_a_note() {
    let with = |path: &'static str| {
        changed(&get(), move |schema| {
            let special = Method {
                http: vec![Http::new("GET", path)],
                ..Method::new("Special", "google.protobuf.Empty", "shop.Item")
            };
            schema.files[0].services[0].methods.push(special);
        })
    };
    let report = with("/v1/items/special");
    assert_eq!(one(&report), ("shop.Cart/Get", Vec::new()));
    let said = format!("`GET /v1/items/special` of `shop.Cart/Special` takes paths of its {GET}");
    assert_eq!(report.findings()[0].what, said);
    for path in [
        "/v1/items/a/b",
        "/v1/{sku=*}/special",
        "/v1/items/special:x",
    ] {
        assert_eq!(with(path).findings(), [], "{path}");
    }
}
