//! The house rules for sources that can be checked automatically.

mod public;
mod text;

use crate::sources::{Offence, Text, expect_none, texts};

/// Sources that are data of a test, with intended mistakes.
const DATA: &[&str] = &[
    "ui-tests/error/",
    "ui-tests/every/",
    "ui-tests/message/",
    "ui-tests/on/",
    "ui-tests/rpc/",
    "ui-tests/run/",
    "ui-tests/service/",
    "ui-tests/subscribe/",
    "ui-tests/test/",
    "ui-tests/wrap/",
    "tests/data/",
];

fn all(rule: impl Fn(&Text) -> Vec<Offence>) {
    let mut offences = Vec::new();
    for text in texts().iter().filter(|text| !text.under(DATA)) {
        offences.extend(rule(text));
    }
    expect_none(offences);
}

#[test]
fn files_open_with_their_purpose() {
    all(|text| {
        if text.is_rust() {
            text::purpose(text)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn tracked_files_name_no_machine() {
    all(text::machine);
}

#[test]
fn public_signatures_name_no_protocol_crate() {
    all(|text| {
        // `micro-wire` is for micro's own client and server only, and not a public name of the
        // facade.
        // Where the features `tower` and `tonic` meet programs that use these crates.
        let bridges = ["micro/server/src/mounts/", "micro/client/src/channel.rs"];
        let is_inside = text.under(&["micro/"]) && !text.under(&["micro/wire/"]);
        if text.path == "micro/src/app/builder.rs" {
            let mut offences = public::offences(text);
            offences.retain(|offence| !offence.rule.contains("`tonic`"));
            offences
        } else if text.is_rust() && is_inside && !text.under(&bridges) {
            public::offences(text)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn every_cargo_feature_is_described() {
    let body = |path: &str| {
        let text = texts().iter().find(|text| text.path == path);
        text.unwrap_or_else(|| panic!("there is no {path}"))
            .body
            .as_str()
    };
    let (_, after) = body("micro/Cargo.toml").split_once("[features]\n").unwrap();
    let features = after.lines().take_while(|line| !line.starts_with('['));
    let features = features.filter_map(|line| Some(line.split_once(" = ")?.0));
    let table = body("micro/src/lib.rs")
        .split_once("# Cargo features")
        .unwrap()
        .1;
    for feature in features.filter(|feature| *feature != "default" && !feature.starts_with('_')) {
        assert!(table.contains(&format!("`{feature}`")), "{feature}");
    }
}

/// An in-memory file for the tests of the rules.
#[cfg(test)]
fn sample(path: &str, text: &str) -> Text {
    Text::new(path, text)
}
