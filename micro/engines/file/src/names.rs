//! Names of topics and groups as names of files: the same on systems that take no notice of case.
//!
//! Upper-case letters become `%` and the lower-case one; the rest of a checked name is harmless.

/// The file name of a checked name.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            escaped.push('%');
        }
        escaped.push(letter.to_ascii_lowercase());
    }
    escaped
}

/// The name of a file name; none when it is no name of ours.
pub(super) fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut letters = escaped.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '%' => letters
                .next()
                .filter(char::is_ascii_lowercase)?
                .to_ascii_uppercase(),
            'a'..='z' | '0'..='9' | '-' | '_' | '.' => letter,
            _ => return None,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_case_makes_another_file() {
        for name in ["orders.placed", "A", "a", "Ab-C_9.x"] {
            assert_eq!(unescape(&escape(name)).as_deref(), Some(name));
        }
        assert_ne!(escape("A"), escape("a"));
        for strange in ["A", "%", "%1", "a b", "lost+found"] {
            assert_eq!(unescape(strange), None);
        }
    }
}
