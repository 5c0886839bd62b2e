//! What the attributes accept and reject, and the exact error texts. Each attribute has a folder.
//!
//! Errors of the compiler itself change with its version. The expected texts are those of the
//! stable toolchain that CI uses. `TRYBUILD=overwrite` writes them again; review the diff.

#[test]
fn attributes_accept_and_reject() {
    let cases = trybuild::TestCases::new();
    for attribute in [
        "message",
        "error",
        "service",
        "rpc",
        "wrap",
        "on",
        "subscribe",
        "every",
        "test",
        "run",
    ] {
        cases.pass(format!("{attribute}/pass/*.rs"));
        cases.compile_fail(format!("{attribute}/fail/*.rs"));
    }
}
