//! The guide matches the code: its settings, links and samples.
//!
//! `SNAPSHOTS=overwrite cargo test -p micro-tests --test all guide` updates the table of settings
//! and the sample `micro.toml`. The guide's Rust blocks are tests of this crate's `src/docs.rs`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use micro::App;
use micro::settings::{KEYS, Key};
use micro_tests::workspace;

/// Variables that start like settings but are not settings.
const OTHER_VARIABLES: &[&str] = &[
    "MICRO_CONFIG",
    "MICRO_HELP",
    "MICRO_SCHEMA",
    "MICRO_BUILD_SNAPSHOTS",
];

const TABLE_BEGIN: &str = "<!-- settings: begin -->\n";
const TABLE_END: &str = "<!-- settings: end -->";

fn docs() -> PathBuf {
    workspace().join("docs")
}

/// The Markdown files for users: those in the root, the guide, the decisions and the examples.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in [
        workspace(),
        docs(),
        docs().join("decisions"),
        workspace().join("examples"),
    ] {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// Compares a file with its expected text, or overwrites it.
fn expect_file(path: &Path, expected: &str) {
    let found = fs::read_to_string(path).unwrap_or_default();
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(path, expected).unwrap();
        return;
    }
    assert!(
        found == expected,
        "{} differs from the settings in the code; write it anew:\n\n    \
         SNAPSHOTS=overwrite cargo test -p micro-tests --test all guide\n",
        path.display()
    );
}

fn settings_table() -> String {
    let mut table =
        String::from("| key | variable | default | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            "" => "empty".to_owned(),
            default => format!("`{default}`"),
        };
        let doc = key.doc.replace('|', "\\|");
        writeln!(
            table,
            "| `{}` | `{}` | {default} | {doc} |",
            key.name,
            key.variable()
        )
        .unwrap();
    }
    table
}

/// Every setting with its default, commented out. Tables are last, as TOML requires.
fn sample() -> String {
    let mut text = String::from(
        "# All settings of micro with their defaults. Copy what you change, and remove the `#`.\n\
         # Environment variables win over this file: `limits.max_message_size` is MICRO_LIMITS_MAX_MESSAGE_SIZE.\n",
    );
    let in_table = |key: &&Key| key.name.contains('.');
    let mut table = "";
    let (tables, top): (Vec<&Key>, Vec<&Key>) = KEYS.iter().partition(in_table);
    for key in top.into_iter().chain(tables) {
        let (section, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if section != table {
            write!(text, "\n[{section}]\n").unwrap();
            table = section;
        }
        write!(
            text,
            "\n# {}\n# {name} = \"{}\"\n",
            sentence(key.doc),
            key.default
        )
        .unwrap();
    }
    text
}

/// Adds a capital letter and a full stop.
fn sentence(doc: &str) -> String {
    let mut letters = doc.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

#[test]
fn the_table_of_settings_is_that_of_the_code() {
    let path = docs().join("configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(TABLE_BEGIN).unwrap();
    let (_, after) = rest.split_once(TABLE_END).unwrap();
    let expected = format!(
        "{before}{TABLE_BEGIN}{}{TABLE_END}{after}",
        settings_table()
    );
    expect_file(&path, &expected);
}

#[test]
fn the_sample_of_micro_toml_is_that_of_the_code() {
    expect_file(&docs().join("micro.toml"), &sample());
}

/// Flattens TOML values into settings.
fn flat(prefix: &str, table: &toml::Table, into: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            toml::Value::Table(table) => flat(&format!("{key}."), table, into),
            toml::Value::String(text) => into.push((key, text.clone())),
            value => into.push((key, value.to_string())),
        }
    }
}

/// Builds an app with these settings, which checks keys and values.
async fn expect_settings(toml: &str, whose: &str) {
    let table: toml::Table = toml
        .parse()
        .unwrap_or_else(|error| panic!("{whose}: {error}"));
    let mut settings = Vec::new();
    flat("", &table, &mut settings);
    assert!(!settings.is_empty(), "{whose}");
    let mut builder = App::builder().in_process();
    for (key, value) in settings {
        builder = builder.setting(&key, value);
    }
    if let Err(error) = builder.build().await {
        panic!("{whose}: {}", error.chain());
    }
}

#[tokio::test]
async fn the_sample_is_accepted_when_its_lines_are_set() {
    let set = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if setting.contains(" = ") => setting.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = sample().lines().map(set).collect();
    expect_settings(&text.join("\n"), "docs/micro.toml").await;
}

#[tokio::test]
async fn samples_of_toml_are_right() {
    let mut samples = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("```toml\n").skip(1) {
            let (text, _) = block.split_once("```").unwrap();
            let whose = path.display().to_string();
            if text.starts_with("# micro.toml") {
                expect_settings(text, &whose).await;
            } else if let Err(error) = text.parse::<toml::Table>() {
                panic!("{whose}: {error}");
            }
            samples += 1;
        }
    }
    assert!(samples > 3, "{samples}");
}

#[test]
fn variables_that_pages_name_are_settings() {
    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (at, _) in page.match_indices("MICRO_") {
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let rest = &page[at..];
            let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
            let is_known = known.iter().any(|known| known == name)
                || OTHER_VARIABLES.contains(&name)
                || name == "MICRO_"
                || name.starts_with("MICRO_TEST_")
                || page[at..].starts_with("MICRO_ADRESS");
            assert!(is_known, "{} names `{name}`", path.display());
        }
    }
}

/// The headings of a page as GitHub's anchors.
fn anchors(page: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in page.lines() {
        is_code ^= line.starts_with("```");
        if is_code || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        found.push(kept.collect());
    }
    found
}

#[test]
fn links_of_pages_lead_to_files_and_headings() {
    let mut links = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (at, _) in page.match_indices("](") {
            let target = &page[at + 2..];
            let Some(end) = target.find(')') else {
                continue;
            };
            let target = &target[..end];
            if target.starts_with("http") || target.contains(char::is_whitespace) {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(there.exists(), "{}: no `{target}`", path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&there).unwrap();
                let found = anchors(&text).iter().any(|known| known == anchor);
                assert!(found, "{}: no heading `{target}`", path.display());
            }
            links += 1;
        }
    }
    assert!(links > 50, "{links}");
}

#[test]
fn every_page_of_the_guide_is_in_its_index_and_among_the_tests() {
    let index = fs::read_to_string(docs().join("README.md")).unwrap();
    let tested = fs::read_to_string(workspace().join("tests/src/docs.rs")).unwrap();
    for entry in fs::read_dir(docs()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(page) = name.strip_suffix(".md").filter(|page| *page != "README") else {
            continue;
        };
        assert!(index.contains(&format!("({page}.md)")), "{page}");
        let text = fs::read_to_string(docs().join(&name)).unwrap();
        let is_tested = tested.contains(&format!("../../docs/{page}.md"));
        assert_eq!(is_tested, text.contains("```rust"), "{page}");
    }
}

#[test]
fn every_example_is_in_their_index() {
    let examples = workspace().join("examples");
    let index = fs::read_to_string(examples.join("README.md")).unwrap();
    for entry in fs::read_dir(&examples).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            assert!(index.contains(&format!("({name}")), "{name}");
        }
    }
}
