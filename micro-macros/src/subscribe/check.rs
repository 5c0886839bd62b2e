//! Names in the keys of `#[micro::subscribe]`, checked as the broker will.

use syn::LitStr;

use crate::diag::Mistakes;

/// A topic or a pattern of topics.
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
            "`{value}` is no topic or pattern of topics; write words of letters, digits, `-` and \
             `_` joined by dots, `*` for any one word, `>` at the end for all that follows"
        );
        mistakes.at(text.span(), message);
    }
}

/// A topic that events can be published under.
pub(crate) fn topic(text: &LitStr, mistakes: &mut Mistakes) {
    let value = text.value();
    if !value.split('.').all(is_word) {
        let message = format!(
            "`{value}` is no topic; write words of letters, digits, `-` and `_` joined by dots"
        );
        mistakes.at(text.span(), message);
    }
}

/// A queue, group or stream.
pub(super) fn name(text: &LitStr, what: &str, mistakes: &mut Mistakes) {
    let value = text.value();
    let good = !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !good {
        let message =
            format!("`{value}` is no name for a {what}; write letters, digits, `-`, `_` and `.`");
        mistakes.at(text.span(), message);
    }
}

/// Where a group that is new begins to read.
pub(super) fn start(text: &LitStr, mistakes: &mut Mistakes) {
    let value = text.value();
    let is_word = ["earliest", "latest"].contains(&&*value);
    if !is_word && value.parse::<u64>().is_err() {
        let message = format!("`{value}` is not `earliest`, `latest` or an offset");
        mistakes.at(text.span(), message);
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
