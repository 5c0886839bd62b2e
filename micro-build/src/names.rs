//! Converts protobuf names to Rust names, and Rust names to the names that micro's attributes use.

/// Keywords of Rust that can be used as names with `r#`.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Keywords of Rust that cannot be used as names even with `r#`.
const RESERVED_WORDS: &[&str] = &["crate", "self", "Self", "super", "_"];

/// Returns a name as it is written in Rust, with `r#` for keywords.
pub(crate) fn ident(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}

/// Converts a name to one that is possible in Rust: `self` becomes `self_`.
pub(crate) fn possible(name: String) -> String {
    if RESERVED_WORDS.contains(&name.as_str())
        || name.starts_with(|char: char| char.is_ascii_digit())
    {
        if name.starts_with(|char: char| char.is_ascii_digit()) {
            format!("_{name}")
        } else {
            name + "_"
        }
    } else {
        name
    }
}

/// `HTTPServer`, `httpServer` → `http_server`, by the same rules as the attributes of micro.
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

/// Returns the name of a field, method or module: like [`snake`], but without repeated `_` inside,
/// which rustc would warn about.
pub(crate) fn lower(name: &str) -> String {
    let snake = snake(name);
    let inner = snake.trim_matches('_');
    let start = snake.len() - snake.trim_start_matches('_').len();
    let (before, after) = (&snake[..start], &snake[start + inner.len()..]);
    let words: Vec<_> = inner.split('_').filter(|word| !word.is_empty()).collect();
    format!("{before}{}{after}", words.join("_"))
}

/// `order_line`, `orderLine` → `OrderLine`; `HTTPServer` stays, `ORDER_LINE` is `OrderLine`.
pub(crate) fn pascal(name: &str) -> String {
    let shouts = name.contains('_') && !name.contains(|char: char| char.is_lowercase());
    let mut pascal = String::new();
    for word in name.split('_') {
        let mut chars = word.chars();
        pascal.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        if shouts {
            pascal.extend(chars.flat_map(char::to_lowercase));
        } else {
            pascal.push_str(chars.as_str());
        }
    }
    if pascal.is_empty() {
        name.to_owned()
    } else {
        pascal
    }
}

/// `GONE_AWAY` → `GoneAway`, `gone` → `Gone`.
pub(crate) fn variant(name: &str) -> String {
    if name.contains(|char: char| char.is_lowercase()) {
        return pascal(name);
    }
    let words = name.split('_').map(|word| {
        let mut chars = word.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        first
            .chain(chars.flat_map(char::to_lowercase))
            .collect::<String>()
    });
    let variant = words.collect::<String>();
    if variant.is_empty() {
        name.to_owned()
    } else {
        variant
    }
}

/// `say_hello` → `SayHello`: the default name of a method on the wire.
pub(crate) fn wire(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
    }
    out
}

/// `first_name` → `firstName`: the default name of a field in JSON.
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

/// Returns a text as a string literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// The names in use in one scope.
#[derive(Debug, Default, Clone)]
pub(crate) struct Taken {
    names: std::collections::BTreeSet<String>,
}

impl Taken {
    /// Adds a name, even if it is in use.
    pub(crate) fn add(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// Adds the name, with as many `_` appended as needed to make it unique, and returns it.
    pub(crate) fn free(&mut self, name: String) -> String {
        let mut name = possible(name);
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_converted() {
        assert_eq!(snake("HTTPServer"), "http_server");
        assert_eq!(snake("fooBar"), "foo_bar");
        assert_eq!(lower("fooBar__b___c"), "foo_bar_b_c");
        assert_eq!(lower("__a__"), "__a__");
        assert_eq!(lower("__"), "__");
        assert_eq!(pascal("order_line"), "OrderLine");
        assert_eq!(pascal("ORDER_LINE"), "OrderLine");
        assert_eq!(pascal("HTTPServer"), "HTTPServer");
        assert_eq!(variant("GONE_AWAY"), "GoneAway");
        assert_eq!(variant("OK"), "Ok");
        assert_eq!(camel("_private_2"), "Private2");
        assert_eq!(ident("type"), "r#type");
        assert_eq!(possible("self".into()), "self_");
        assert_eq!(possible("1st".into()), "_1st");
    }

    #[test]
    fn a_name_in_use_gets_an_underscore() {
        let mut taken = Taken::default();
        assert_eq!(taken.free("a".into()), "a");
        assert_eq!(taken.free("a".into()), "a_");
        assert_eq!(taken.free("Self".into()), "Self_");
        assert!(taken.has("a_"));
    }
}
