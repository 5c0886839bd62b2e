//! Content negotiation: which content type a client prefers according to its `accept` header.

use http::header::{ACCEPT, HeaderMap};

use micro_wire::headers;
use micro_wire::quality_values;

/// Whether a client names the content type `kind` and gives it at least the weight of `other`.
/// `other` is the default for clients that name neither.
pub(super) fn prefers(headers: &HeaderMap, kind: &str, other: &str) -> bool {
    let list = headers::list(headers, &ACCEPT);
    let named = weight(&list, kind);
    let wildcards = || {
        let group = other.split_once('/').map_or(other, |(group, _)| group);
        weight(&list, &format!("{group}/*")).or_else(|| weight(&list, "*/*"))
    };
    named.is_some_and(|named| {
        named > 0 && named >= weight(&list, other).or_else(wildcards).unwrap_or(0)
    })
}

/// Whether a client names the content type `kind` with a weight above zero.
pub(super) fn names(headers: &HeaderMap, kind: &str) -> bool {
    weight(&headers::list(headers, &ACCEPT), kind).is_some_and(|weight| weight > 0)
}

fn weight(list: &str, kind: &str) -> Option<u16> {
    let mut items = quality_values(list);
    items.find_map(|(name, weight)| name.eq_ignore_ascii_case(kind).then_some(weight))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_kind_is_preferred_that_is_named_and_wanted_no_less() {
        let (text, json) = ("text/plain", "application/json");
        for (accept, expected) in [
            (&["text/plain"][..], true),
            (&["Text/Plain;charset=utf-8, */*"], true),
            (&["text/plain, application/json"], true),
            (&["text/plain;q=0.8", "application/json;q=0.5"], true),
            (&["text/plain;q=0.8, application/*;q=0.5, */*"], true),
            (&["text/plain;q=0.5, application/json;q=0.8"], false),
            (&["text/plain;q=0.5, */*"], false),
            (&["text/plain;q=0"], false),
            (&["*/*"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in accept {
                headers.append(ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(prefers(&headers, text, json), expected, "{accept:?}");
        }
    }
}
