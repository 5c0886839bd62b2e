//! How the sources look: the rules of the house that a machine can read.

mod public;
mod syntax;
mod text;

use crate::sources::{Offence, Text, expect_none, texts};

/// Sources that belong to somebody's test as data: as wrong as the test wants them.
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

/// Where the rules for code that runs in earnest hold.
const EARNEST: &[&str] = &[
    "micro/",
    "micro-macros/",
    "micro-build/",
    "examples/",
    "benches/",
];

/// Where the environment may be read.
const READS_ENVIRONMENT: &[&str] = &[
    "micro/src/app/",
    "micro/src/app.rs",
    "micro/src/testing/",
    "micro/src/testing.rs",
    "micro/build.rs",
    "micro-build/",
    "examples/",
    "benches/",
    "tests/",
    "ui-tests/",
];

fn all(rule: impl Fn(&Text) -> Vec<Offence>) {
    let mut offences = Vec::new();
    for text in texts().iter().filter(|text| !text.under(DATA)) {
        offences.extend(rule(text));
    }
    expect_none(offences);
}

#[test]
fn files_open_with_their_purpose_and_stay_short() {
    all(|text| {
        if text.is_rust() {
            text::shape(text)
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
fn code_swallows_nothing_and_leaves_nothing_to_do() {
    all(|text| {
        if text.is_rust() {
            syntax::offences(text)
        } else {
            Vec::new()
        }
    });
}

#[test]
fn public_signatures_name_no_protocol_crate() {
    all(|text| {
        if text.is_rust() && text.under(&["micro/src/"]) {
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
    let features = after.lines().take_while(|line| !line.is_empty());
    let features = features.filter_map(|line| Some(line.split_once(" =")?.0));
    let table = body("micro/src/lib.rs")
        .split_once("# Cargo features")
        .unwrap()
        .1;
    for feature in features.filter(|feature| *feature != "default") {
        assert!(table.contains(&format!("`{feature}`")), "{feature}");
    }
}

/// An imagined file, for the tests of the rules.
#[cfg(test)]
fn sample(path: &str, text: &str) -> Text {
    Text::new(path, text)
}
