//! That the pages in `docs/` name the keys that the attributes take, all of them and no others.
//!
//! What a page says of a key is for people to read.

use std::collections::BTreeSet;

use crate::{error, every, message, on, rpc, run, service, subscribe, wrap};

/// The keys in a page's tables, each table by itself: rows whose first cell is a key, below a head
/// whose first cell is `key`.
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
        // What is written without a key begins with a quote.
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
fn every_key_has_a_row_and_every_row_a_key() {
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
fn every_kind_of_error_is_named() {
    let page = include_str!("../docs/error.md");
    for kind in error::variant::KINDS {
        assert!(page.contains(&format!("`{kind}`")), "{kind}");
    }
}
