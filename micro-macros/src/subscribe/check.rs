//! Checks of the names in the keys of `#[micro::subscribe]`, by the same rules as the broker.

use syn::LitStr;

use crate::diag::Mistakes;

/// Checks a topic or a topic pattern.
pub(super) fn pattern(text: &LitStr, mistakes: &mut Mistakes) {
    let value = text.value();
    let last = value.split('.').count();
    let good = value.split('.').enumerate().all(|(at, word)| match word {
        "*" => true,
        ">" => at + 1 == last,
        word => is_word(word),
    });
    if !good {
        let message = format!(
            "`{value}` is not a topic or a topic pattern; write words of letters, digits, `-` and \
             `_` joined by dots, `*` for exactly one word, or `>` at the end for all remaining \
             words"
        );
        mistakes.at(text.span(), message);
    }
}

/// Checks a topic that events can be published to.
pub(crate) fn topic(text: &LitStr, mistakes: &mut Mistakes) {
    let value = text.value();
    if !value.split('.').all(is_word) {
        let message = format!(
            "`{value}` is not a topic; write words of letters, digits, `-` and `_` joined by dots"
        );
        mistakes.at(text.span(), message);
    }
}

/// Checks the name of a queue, group or stream.
pub(super) fn name(text: &LitStr, what: &str, mistakes: &mut Mistakes) {
    let value = text.value();
    let good = !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !good {
        let message =
            format!("`{value}` is not a {what} name; write letters, digits, `-`, `_` and `.`");
        mistakes.at(text.span(), message);
    }
}

/// Checks the start position of a new consumer group.
pub(super) fn start(text: &LitStr, mistakes: &mut Mistakes) {
    let value = text.value();
    let is_word = ["earliest", "latest"].contains(&&*value);
    if !is_word && value.parse::<u64>().is_err() {
        let message = format!(
            "`{value}` is not a start position; write `earliest`, `latest` or an offset such as \
             `1200`"
        );
        mistakes.at(text.span(), message);
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
