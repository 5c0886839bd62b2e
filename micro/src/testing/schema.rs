//! `assert_compatible`: a test that the schema stays compatible with a committed one.

use std::path::Path;

use crate::error::{ErrorKind, Result};
use crate::schema::{Report, Schema};

/// If this variable is `write`, the committed file is written instead of compared.
const VARIABLE: &str = "MICRO_SCHEMA";

/// Checks that all linked services and messages are compatible with the schema in a committed file.
///
/// The path is relative to the package's directory, where `cargo test` starts. With
/// `MICRO_SCHEMA=write` in the environment, the file is written instead. Use this to create the
/// file, and after each intended change. Put the test into a file in `tests/`, where no services of
/// other tests are linked, and name the crates of your services there.
///
/// # Panics
///
/// If a change is breaking. The message lists all breaking changes with their locations and
/// remedies. Also if the changes are compatible but the file does not contain them, and if the file
/// does not exist.
///
/// # Examples
///
/// ```no_run
/// # #[allow(clippy::test_attr_in_doctest)]
/// #[test]
/// fn nothing_is_broken() {
///     micro::testing::assert_compatible("schema.json");
/// }
/// ```
#[track_caller]
pub fn assert_compatible(path: impl AsRef<Path>) {
    match Schema::linked() {
        Ok(schema) => assert_schema(path, &schema),
        Err(error) => panic!("{}", error.chain()),
    }
}

/// Same as [`assert_compatible`], with a given schema: [`Schema::of_service`], or
/// [`Schema::linked`] with messages [added](Schema::with) to it.
///
/// # Panics
///
/// In the same cases as [`assert_compatible`].
#[track_caller]
pub fn assert_schema(path: impl AsRef<Path>, schema: &Schema) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test is asked by its environment"
    )]
    let renew = std::env::var_os(VARIABLE).is_some_and(|value| value == "write");
    if let Err(complaint) = compare(path.as_ref(), schema, renew) {
        panic!("{complaint}");
    }
}

fn compare(path: &Path, schema: &Schema, renew: bool) -> Result<(), String> {
    if renew {
        return schema.write(path).map_err(|error| error.chain());
    }
    let report = match Schema::read(path) {
        Ok(committed) => Schema::check(&committed, schema),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let path = path.display();
            return Err(format!(
                "there is no `{path}` yet; write it and commit it:\n\n    \
                 {VARIABLE}=write cargo test"
            ));
        }
        Err(error) => return Err(error.chain()),
    };
    judge(path, &report)
}

fn judge(path: &Path, report: &Report) -> Result<(), String> {
    let advice = match (report.is_compatible(), report.is_unchanged()) {
        (true, true) => return Ok(()),
        (true, false) => "nothing breaks, and the file does not know of it yet",
        (false, _) => "if nobody is left whom it harms",
    };
    Err(format!(
        "`{}`: {report}\n\n{advice}: write the file anew and commit it:\n\n    \
         {VARIABLE}=write cargo test\n",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &str) -> Schema {
        let text = format!(
            r#"{{"format": 1, "files": [{{"name": "a.proto", "package": "a", "messages": [
                {{"name": "A", "fields": [{fields}]}}
            ]}}]}}"#
        );
        Schema::parse(&text).unwrap()
    }

    #[test]
    fn each_outcome_says_what_to_do() {
        let name = format!("micro-compatible-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        let old = r#"{"tag": 1, "name": "x", "type": "string"}"#;
        let more =
            r#"{"tag": 1, "name": "x", "type": "string"}, {"tag": 2, "name": "y", "type": "bool"}"#;
        let other = r#"{"tag": 1, "name": "x", "type": "double"}"#;
        let said = compare(&path, &schema(old), false).unwrap_err();
        assert!(said.contains("there is no `"), "{said}");
        assert!(said.contains("    MICRO_SCHEMA=write cargo test"), "{said}");
        compare(&path, &schema(old), true).unwrap();
        compare(&path, &schema(old), false).unwrap();
        let said = compare(&path, &schema(more), false).unwrap_err();
        assert!(said.contains("nothing breaks"), "{said}");
        assert!(said.contains("    field `a.A.y`"), "{said}");
        let said = compare(&path, &schema(other), false).unwrap_err();
        for piece in [
            "the schema has a breaking change",
            "`a.A.x` (a.proto): tag 1 was `string` and is `double`",
            "breaks old callers of a new service: ",
            "remedy: keep tag 1 as it was",
        ] {
            assert!(said.contains(piece), "no {piece} in {said}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
