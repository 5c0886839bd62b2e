//! Paths with variables as `google.api.http` writes them, checked while compiling: the same
//! grammar that the app reads when it starts.
//!
//! Gives the variables' names; does not know which fields a request has.

/// The variables of a path, or what is wrong with it.
pub(super) fn variables(path: &str) -> Result<Vec<String>, String> {
    let mut parser = Parser {
        rest: path,
        variables: Vec::new(),
        is_over: false,
    };
    parser.path()?;
    Ok(parser.variables)
}

struct Parser<'a> {
    rest: &'a str,
    variables: Vec<String>,
    /// Whether `**` has taken all that is left.
    is_over: bool,
}

impl<'a> Parser<'a> {
    fn take(&mut self, text: &str) -> bool {
        let left = self.rest.strip_prefix(text);
        self.rest = left.unwrap_or(self.rest);
        left.is_some()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn path(&mut self) -> Result<(), String> {
        if !self.take("/") {
            return Err("it begins with `/`".into());
        }
        self.segments(false)?;
        if self.take(":") {
            self.literal()?;
            if self.rest.starts_with(['/', ':']) {
                return Err("`:` begins the last word, which ends the path".into());
            }
        }
        match self.rest.chars().next() {
            None => Ok(()),
            Some(found) => Err(unexpected(found)),
        }
    }

    fn segments(&mut self, within: bool) -> Result<(), String> {
        loop {
            if self.is_over {
                return Err("nothing but `:word` follows `**`".into());
            }
            self.segment(within)?;
            if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, within: bool) -> Result<(), String> {
        if self.rest.starts_with('{') {
            if within {
                return Err("a variable holds no other variable".into());
            }
            return self.variable();
        }
        if let Some(problem) = self.foreign_variable() {
            return Err(problem);
        }
        if self.take("**") {
            self.is_over = true;
            return self.end_of_segment();
        }
        if self.take("*") {
            return self.end_of_segment();
        }
        self.literal()?;
        if self.rest.starts_with(['{', '*']) {
            return self.end_of_segment();
        }
        Ok(())
    }

    /// What to write instead of a variable in the way of other frameworks.
    fn foreign_variable(&self) -> Option<String> {
        let (rest, pattern) = match self.rest.strip_prefix([':', '<', '*'])? {
            rest if self.rest.starts_with('*') => (rest.trim_start_matches('*'), "=**"),
            rest => (rest, ""),
        };
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &rest[..length.unwrap_or(rest.len())];
        let written = self.rest.split('/').next().unwrap_or(self.rest);
        (!name.is_empty())
            .then(|| format!("a variable is written `{{{name}{pattern}}}`, not `{written}`"))
    }

    fn end_of_segment(&self) -> Result<(), String> {
        if matches!(
            self.rest.chars().next(),
            None | Some('/' | ':' | '}' | '?' | '#')
        ) {
            Ok(())
        } else {
            Err("a variable or wildcard is a whole segment: `/` stands before and after it".into())
        }
    }

    fn variable(&mut self) -> Result<(), String> {
        self.take("{");
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let is_name = |name: &str| !name.is_empty() && !name.starts_with(|c: char| c.is_numeric());
        if !name.split('.').all(is_name) {
            return Err("a variable is named like a field: letters, digits and `_`".into());
        }
        if self.variables.iter().any(|known| known == name) {
            return Err(format!("the variable `{name}` is there twice"));
        }
        self.variables.push(name.to_owned());
        if self.take("=") {
            self.segments(true)?;
        }
        if !self.take("}") {
            return Err(format!("`}}` is missing after `{{{name}`"));
        }
        self.end_of_segment()
    }

    fn literal(&mut self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,;@%".contains(c);
        match (self.take_while(plain), self.rest.chars().next()) {
            ("", None | Some('/' | ':' | '}')) => Err("a segment is empty".into()),
            ("", Some(found)) => Err(unexpected(found)),
            ("." | "..", _) => Err("`.` and `..` do not reach a server".into()),
            (text, _) => percent(text),
        }
    }
}

/// Two hexadecimal digits follow each `%`.
fn percent(text: &str) -> Result<(), String> {
    let is_hex = |part: &str| {
        let mut digits = part.chars().take(2).filter(char::is_ascii_hexdigit);
        digits.by_ref().count() == 2
    };
    if text.split('%').skip(1).all(is_hex) {
        Ok(())
    } else {
        Err("two hexadecimal digits follow `%`".into())
    }
}

fn unexpected(found: char) -> String {
    match found {
        '?' | '#' => format!(
            "a path ends before `{found}`; fields that the path leaves over are taken from the \
             query by themselves"
        ),
        '}' => "`}` closes nothing".into(),
        '{' | '*' => "a variable or wildcard is a whole segment: `/` stands before it".into(),
        _ => format!(
            "`{}` does not stand in a path as it is",
            found.escape_debug()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found() {
        for (path, expected) in [
            ("/v1/items", &[][..]),
            ("/v1/items/{id}", &["id"]),
            ("/v1/{name=shelves/*/books/**}:copy", &["name"]),
            ("/v1/{a.b}/x-%20/*/{_c}", &["a.b", "_c"]),
            ("/**", &[]),
        ] {
            assert_eq!(variables(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (path, problem) in [
            ("", "begins with `/`"),
            ("v1", "begins with `/`"),
            ("/", "a segment is empty"),
            ("/v1//items", "a segment is empty"),
            ("/v1/", "a segment is empty"),
            ("/v1/{}", "named like a field"),
            ("/v1/{a.}", "named like a field"),
            ("/v1/{1a}", "named like a field"),
            ("/v1/{a-b}", "`}` is missing after `{a`"),
            ("/v1/{a", "`}` is missing after `{a`"),
            ("/v1/{a=}", "a segment is empty"),
            ("/v1/{a=b/{c}}", "holds no other variable"),
            ("/v1/{a}/{a}", "`a` is there twice"),
            ("/v1/x{a}", "whole segment"),
            ("/v1/{a}x", "whole segment"),
            ("/v1/***", "whole segment"),
            ("/v1/**/a", "nothing but `:word` follows"),
            ("/v1/{a=**}/b", "nothing but `:word` follows"),
            ("/v1/a}", "`}` closes nothing"),
            ("/v1/a:", "a segment is empty"),
            ("/v1/a:b/c", "ends the path"),
            ("/v1/a?x=1", "ends before `?`"),
            ("/v1/:id", "is written `{id}`, not `:id`"),
            ("/v1/<id>/a", "is written `{id}`, not `<id>`"),
            ("/v1/*rest", "is written `{rest=**}`, not `*rest`"),
            ("/v1/a b", "` ` does not stand"),
            ("/v1/%zz", "two hexadecimal digits"),
            ("/v1/..", "do not reach a server"),
        ] {
            let error = variables(path).unwrap_err();
            assert!(error.contains(problem), "{path}: {error}");
        }
    }
}
