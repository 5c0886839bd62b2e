//! Checks that the key tables of the pages in `docs/` list exactly the keys that the attributes
//! accept.

use std::collections::BTreeSet;

use crate::{error, every, message, on, rpc, run, service, subscribe, wrap};

/// Returns the keys of each table of a page. A table of keys has a header whose first cell is
/// `key`, and a key in the first cell of each row.
fn tables(page: &str) -> Vec<BTreeSet<&str>> {
    let mut tables = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        if line.starts_with("| key |") {
            tables.push(BTreeSet::new());
            is_inside = true;
        }
        is_inside &= line.starts_with('|');
        let cell = line.strip_prefix("| `").filter(|_| is_inside);
        let key = cell.and_then(|cell| {
            cell.split(|c: char| c != '_' && !c.is_alphanumeric())
                .next()
        });
        // A positional argument begins with a quote and has no key.
        if let (Some(table), Some(key)) = (tables.last_mut(), key.filter(|key| !key.is_empty())) {
            assert!(table.insert(key), "`{key}` has two rows");
        }
    }
    tables
}

#[track_caller]
fn check(page: &str, keys: &[&[&'static str]]) {
    let expected: Vec<BTreeSet<_>> = keys
        .iter()
        .map(|keys| keys.iter().copied().collect())
        .collect();
    assert_eq!(tables(page), expected);
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    use message::model;
    check(include_str!("../docs/error.md"), &[error::KEYS]);
    check(include_str!("../docs/every.md"), &[every::parse::KEYS]);
    check(
        include_str!("../docs/message.md"),
        &[model::KEYS, model::HELPERS],
    );
    check(include_str!("../docs/on.md"), &[on::parse::KEYS]);
    check(
        include_str!("../docs/rpc.md"),
        &[&rpc::parse::function_keys()],
    );
    check(include_str!("../docs/run.md"), &[run::KEYS]);
    let service = [service::keys::KEYS, service::state::HELPERS];
    check(include_str!("../docs/service.md"), &service);
    check(
        include_str!("../docs/subscribe.md"),
        &[subscribe::parse::KEYS],
    );
    check(include_str!("../docs/test.md"), &[crate::test::parse::KEYS]);
    check(include_str!("../docs/wrap.md"), &[wrap::parse::KEYS]);
}

#[test]
fn every_error_kind_is_documented() {
    let page = include_str!("../docs/error.md");
    for kind in error::variant::KINDS {
        assert!(page.contains(&format!("`{kind}`")), "{kind}");
    }
}
