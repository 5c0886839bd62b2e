//! Checks path templates of `google.api.http` at compile time. The grammar is the one that the app
//! parses at startup.
//!
//! Returns the names of the variables. Whether the request has such fields is checked at startup.

/// Returns the variables of a path, or a description of the mistake.
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
    /// Whether a `**` was parsed, which matches the rest of the path.
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
            return Err("it must begin with `/`".into());
        }
        self.segments(false)?;
        if self.take(":") {
            self.literal()?;
            if self.rest.starts_with(['/', ':']) {
                return Err("nothing can follow `:word`, which ends the path".into());
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
                return Err("only `:word` can follow `**`".into());
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
                return Err("a variable cannot contain another variable".into());
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

    /// Returns the error for a variable in the syntax of another framework, such as `:id`.
    fn foreign_variable(&self) -> Option<String> {
        let (rest, pattern) = match self.rest.strip_prefix([':', '<', '*'])? {
            rest if self.rest.starts_with('*') => (rest.trim_start_matches('*'), "=**"),
            rest => (rest, ""),
        };
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &rest[..length.unwrap_or(rest.len())];
        let written = self.rest.split('/').next().unwrap_or(self.rest);
        (!name.is_empty())
            .then(|| format!("write the variable as `{{{name}{pattern}}}`, not `{written}`"))
    }

    fn end_of_segment(&self) -> Result<(), String> {
        if matches!(
            self.rest.chars().next(),
            None | Some('/' | ':' | '}' | '?' | '#')
        ) {
            Ok(())
        } else {
            Err(
                "a variable or wildcard must be a whole segment, with `/` before and after it"
                    .into(),
            )
        }
    }

    fn variable(&mut self) -> Result<(), String> {
        self.take("{");
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let is_name = |name: &str| !name.is_empty() && !name.starts_with(|c: char| c.is_numeric());
        if !name.split('.').all(is_name) {
            return Err(
                "a variable must have the name of a field; write letters, digits and `_`".into(),
            );
        }
        if self.variables.iter().any(|known| known == name) {
            return Err(format!(
                "the variable `{name}` is used twice; rename one of them"
            ));
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
            ("", None | Some('/' | ':' | '}')) => {
                Err("a segment is empty; write a word, `*` or a variable".into())
            }
            ("", Some(found)) => Err(unexpected(found)),
            ("." | "..", _) => {
                Err("clients resolve `.` and `..` before they send a path; remove them".into())
            }
            (text, _) => percent(text),
        }
    }
}

/// Checks that two hexadecimal digits follow each `%`.
fn percent(text: &str) -> Result<(), String> {
    let is_hex = |part: &str| {
        let mut digits = part.chars().take(2).filter(char::is_ascii_hexdigit);
        digits.by_ref().count() == 2
    };
    if text.split('%').skip(1).all(is_hex) {
        Ok(())
    } else {
        Err("two hexadecimal digits must follow `%`".into())
    }
}

fn unexpected(found: char) -> String {
    match found {
        '?' | '#' => format!(
            "a path ends before `{found}`; remove the rest, fields that are not in the path are \
             read from the query"
        ),
        '}' => "`}` has no matching `{`".into(),
        '{' | '*' => "a variable or wildcard must be a whole segment, with `/` before it".into(),
        _ => format!(
            "`{}` must be percent-encoded in a path",
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
    fn mistakes_are_described() {
        for (path, problem) in [
            ("", "must begin with `/`"),
            ("v1", "must begin with `/`"),
            ("/", "a segment is empty"),
            ("/v1//items", "a segment is empty"),
            ("/v1/", "a segment is empty"),
            ("/v1/{}", "have the name of a field"),
            ("/v1/{a.}", "have the name of a field"),
            ("/v1/{1a}", "have the name of a field"),
            ("/v1/{a-b}", "`}` is missing after `{a`"),
            ("/v1/{a", "`}` is missing after `{a`"),
            ("/v1/{a=}", "a segment is empty"),
            ("/v1/{a=b/{c}}", "cannot contain another variable"),
            ("/v1/{a}/{a}", "`a` is used twice"),
            ("/v1/x{a}", "whole segment"),
            ("/v1/{a}x", "whole segment"),
            ("/v1/***", "whole segment"),
            ("/v1/**/a", "only `:word` can follow"),
            ("/v1/{a=**}/b", "only `:word` can follow"),
            ("/v1/a}", "`}` has no matching `{`"),
            ("/v1/a:", "a segment is empty"),
            ("/v1/a:b/c", "ends the path"),
            ("/v1/a?x=1", "ends before `?`"),
            ("/v1/:id", "as `{id}`, not `:id`"),
            ("/v1/<id>/a", "as `{id}`, not `<id>`"),
            ("/v1/*rest", "as `{rest=**}`, not `*rest`"),
            ("/v1/a b", "` ` must be percent-encoded"),
            ("/v1/%zz", "two hexadecimal digits"),
            ("/v1/..", "clients resolve `.` and `..`"),
        ] {
            let error = variables(path).unwrap_err();
            assert!(error.contains(problem), "{path}: {error}");
        }
    }
}
