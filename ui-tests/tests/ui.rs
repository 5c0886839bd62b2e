//! What the attributes accept and refuse, and in which words: one folder an attribute.
//!
//! The words of the compiler change with its version, so the expected ones are those of the
//! stable toolchain that CI names. `TRYBUILD=overwrite` writes them anew.

#[test]
fn attributes_accept_and_refuse() {
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
