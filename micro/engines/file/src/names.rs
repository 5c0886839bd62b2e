//! Maps topic and group names to file names that also work on case-insensitive file systems.
//!
//! An uppercase letter becomes `%` and the lowercase letter. All other characters of a valid name
//! are unchanged.

/// File name of a valid name.
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

/// Name that belongs to a file name; `None` if the file name is not valid.
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
