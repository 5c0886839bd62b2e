//! Conversion of names to other spellings, and validation of protobuf names.

use proc_macro2::Span;
use syn::LitStr;

use crate::diag::Mistakes;
use crate::names::is_identifier;

/// `HTTPServer` → `http_server`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| chars[index]);
        let after = chars.get(index + 1);
        let starts = before.is_some_and(|before| {
            before.is_lowercase()
                || before.is_ascii_digit()
                || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
        });
        if char.is_uppercase() && starts {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// `first_name` → `firstName`, as protoc does it.
pub(crate) fn camel(name: &str) -> String {
    let mut camel = String::new();
    let mut upper = false;
    for char in name.chars() {
        match char {
            '_' => upper = true,
            _ if upper => {
                camel.extend(char.to_uppercase());
                upper = false;
            }
            _ => camel.push(char),
        }
    }
    camel
}

/// Returns the name in JSON: the one given, or the default.
pub(crate) fn json(given: Option<LitStr>, name: &str, mistakes: &mut Mistakes) -> String {
    match given {
        None => camel(name),
        Some(given) => {
            let text = given.value();
            if text.is_empty() || text.contains('\0') {
                mistakes.on(
                    given,
                    "a name in JSON cannot be empty or contain a NUL character; write another name",
                );
            }
            text
        }
    }
}

/// Reports a name that is not valid in protobuf.
pub(crate) fn check(name: &str, span: Span, mistakes: &mut Mistakes) {
    if !is_identifier(name) {
        mistakes.at(
            span,
            format!(
                "`{name}` is not a protobuf name; write `#[micro(name = \"…\")]` with ASCII \
                 letters, digits and `_`"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_converted_like_protoc_does() {
        assert_eq!(snake("HTTPServer"), "http_server");
        assert_eq!(snake("PhoneNumber2Go"), "phone_number2_go");
        assert_eq!(camel("first_name_2"), "firstName2");
        assert_eq!(camel("_private"), "Private");
    }
}
