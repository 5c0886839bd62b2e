//! Parses path templates. Errors contain the position and the reason.

use percent_encoding::percent_encode_byte;

use crate::http::template::{Segment, Template, Variable};
use micro_message::error::{Error, Result};
use micro_wire::percent::{Mode, decode};

/// Parses a template.
pub(super) fn template(text: &str) -> Result<Template> {
    let mut parser = Parser {
        text,
        at: 0,
        segments: Vec::new(),
        variables: Vec::new(),
    };
    let verb = parser.template().map_err(|(at, problem)| {
        Error::invalid_argument(format!(
            "`{}` is not a path template: {problem} (at character {})",
            text.escape_debug(),
            text[..at].chars().count() + 1
        ))
    })?;
    Ok(Template {
        text: text.to_owned(),
        segments: parser.segments,
        variables: parser.variables,
        verb,
    })
}

/// The position of an error, and the error.
type Problem = (usize, String);

struct Parser<'a> {
    text: &'a str,
    /// Index of the next byte.
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, Problem> {
        Err((self.at, problem.into()))
    }

    /// Parses the whole template. Returns the part after the colon.
    fn template(&mut self) -> Result<Option<String>, Problem> {
        if !self.take("/") {
            return self.fail("it must begin with `/`");
        }
        self.segments(false)?;
        if !self.take(":") {
            return match self.rest().chars().next() {
                None => Ok(None),
                Some(found) => self.fail(unexpected(found)),
            };
        }
        let verb = self.literal()?;
        match self.rest().chars().next() {
            None => Ok(Some(verb)),
            Some('/' | ':') => {
                self.fail("`:` begins the verb, which ends the path; elsewhere write `%3A`")
            }
            Some(found) => self.fail(unexpected(found)),
        }
    }

    fn segments(&mut self, within: bool) -> Result<(), Problem> {
        loop {
            if self.segments.last() == Some(&Segment::Rest) {
                return self.fail("only a verb may follow `**`");
            }
            self.segment(within)?;
            if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, within: bool) -> Result<(), Problem> {
        let segment = if self.rest().starts_with('{') {
            if within {
                return self.fail("a variable cannot contain another variable");
            }
            return self.variable();
        } else if self.take("**") {
            Segment::Rest
        } else if self.take("*") {
            Segment::One
        } else {
            Segment::Literal(self.literal()?)
        };
        if self.rest().starts_with(['{', '*']) {
            return self.fail(
                "a variable or wildcard is a whole segment; put a `/` before it, or bind the \
                 whole segment",
            );
        }
        self.segments.push(segment);
        Ok(())
    }

    fn variable(&mut self) -> Result<(), Problem> {
        let open = self.at;
        self.take("{");
        let field = self.field_path()?;
        if self.variables.iter().any(|known| known.field == field) {
            return Err((open, format!("the variable `{field}` occurs twice")));
        }
        let start = self.segments.len();
        if self.take("=") {
            self.segments(true)?;
        } else {
            self.segments.push(Segment::One);
        }
        if !self.take("}") {
            return match self.rest().chars().next() {
                None => self.fail("`}` is missing"),
                Some(found) => self.fail(format!("{}; `}}` is missing", unexpected(found))),
            };
        }
        if !matches!(self.rest().chars().next(), None | Some('/' | ':' | '}')) {
            return self.fail("a variable is a whole segment; only `/` or the end may follow it");
        }
        let taken = &self.segments[start..];
        self.variables.push(Variable {
            field,
            several: taken.len() > 1 || taken.contains(&Segment::Rest),
            segments: start..self.segments.len(),
        });
        Ok(())
    }

    fn field_path(&mut self) -> Result<String, Problem> {
        let start = self.at;
        loop {
            let rest = self.rest();
            let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let length = rest.find(|c| !name(c)).unwrap_or(rest.len());
            if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
                return self.fail("a field's name is expected: letters, digits and `_`");
            }
            self.at += length;
            if !self.take(".") {
                return Ok(self.text[start..self.at].to_owned());
            }
        }
    }

    fn literal(&mut self) -> Result<String, Problem> {
        let rest = self.rest();
        let length = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        let literal = &rest[..length];
        if literal.is_empty() {
            return match rest.chars().next() {
                None | Some('/' | ':' | '}') => self.fail("a segment is empty"),
                Some(found) => self.fail(unexpected(found)),
            };
        }
        let decoded = decode(literal, Mode::Segment);
        let decoded = decoded.map_err(|malformed| (self.at, malformed.to_string()))?;
        if matches!(&*decoded, "." | "..") {
            return self.fail("clients resolve `.` and `..`, so they do not reach a server");
        }
        self.at += length;
        Ok(decoded.into_owned())
    }
}

/// Whether a character may stand in a literal: the characters of paths, except those with a special
/// meaning in templates.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()+,;@%".contains(c)
}

fn unexpected(found: char) -> String {
    match found {
        '?' | '#' => "a path ends before `?`; fields that are not in the path are taken from the \
                      query automatically"
            .to_owned(),
        '}' => "unmatched `}`".to_owned(),
        '{' | '*' => "a variable or wildcard is a whole segment; put a `/` before it".to_owned(),
        _ => {
            let mut buffer = [0; 4];
            let bytes = found.encode_utf8(&mut buffer).bytes();
            let encoded: String = bytes.map(percent_encode_byte).collect();
            format!("`{}` must be written `{encoded}`", found.escape_debug())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_parsed() {
        let literal = |text: &str| Segment::Literal(text.to_owned());
        let template = template("/v1/{name=shelves/*/books/**}:copy").unwrap();
        assert_eq!(
            template.segments(),
            [
                literal("v1"),
                literal("shelves"),
                Segment::One,
                literal("books"),
                Segment::Rest
            ]
        );
        assert_eq!(template.verb(), Some("copy"));
        let [name] = template.variables() else {
            panic!("{template:?}");
        };
        assert_eq!((name.field(), name.segments()), ("name", 1..5));
        assert!(name.has_several_segments());
        assert_eq!(template.to_string(), "/v1/{name=shelves/*/books/**}:copy");
    }

    #[test]
    fn templates_that_match_the_same_paths_have_the_same_segments() {
        let segments = |text: &str| template(text).unwrap().segments().to_owned();
        assert_eq!(
            segments("/v1/{a=shelves/*}/{b}"),
            segments("/v1/shelves/{c.d}/*")
        );
        assert_eq!(segments("/v1/%69tems"), segments("/v1/items"));
        assert_ne!(segments("/v1/*"), segments("/v1/**"));
    }

    #[test]
    fn errors_contain_their_position() {
        for (text, at, problem) in [
            ("", 1, "must begin with `/`"),
            ("v1/items", 1, "must begin with `/`"),
            ("/", 2, "a segment is empty"),
            ("/v1/", 5, "a segment is empty"),
            ("/v1//items", 5, "a segment is empty"),
            ("/v1/items/", 11, "a segment is empty"),
            ("/v1/{}", 6, "a field's name is expected"),
            ("/v1/{1a}", 6, "a field's name is expected"),
            ("/v1/{a.}", 8, "a field's name is expected"),
            ("/v1/{a-b}", 7, "`-` must be written `%2D`; `}` is missing"),
            ("/v1/{a", 7, "`}` is missing"),
            ("/v1/{a=", 8, "a segment is empty"),
            ("/v1/{a=}", 8, "a segment is empty"),
            ("/v1/{a=b/{c}}", 10, "cannot contain another variable"),
            ("/v1/{a}/{a}", 9, "`a` occurs twice"),
            ("/v1/x{a}", 6, "whole segment"),
            ("/v1/{a}x", 8, "whole segment"),
            ("/v1/{a}{b}", 8, "whole segment"),
            ("/v1/***", 7, "whole segment"),
            ("/v1/a*", 6, "whole segment"),
            ("/v1/**/a", 8, "only a verb may follow `**`"),
            ("/v1/{a=**}/b", 12, "only a verb may follow `**`"),
            ("/v1/{a=**/b}", 11, "only a verb may follow `**`"),
            ("/v1/a}", 6, "unmatched `}`"),
            ("/v1/a:", 7, "a segment is empty"),
            ("/v1/a:b:c", 8, "write `%3A`"),
            ("/v1/a:b/c", 8, "write `%3A`"),
            ("/v1/a?x=1", 6, "ends before `?`"),
            ("/v1/a b", 6, "`%20`"),
            ("/v1/é", 5, "`%C3%A9`"),
            ("/v1/a=b", 6, "`%3D`"),
            ("/v1/é/x", 5, "`%C3%A9`"),
            ("/v1/%zz", 5, "two hexadecimal digits"),
            ("/v1/%ff", 5, "not UTF-8"),
            ("/v1/..", 5, "do not reach a server"),
            ("/v1/%2e%2E/x", 5, "do not reach a server"),
        ] {
            let error = template(text).unwrap_err();
            let message = error.message();
            assert!(message.contains(problem), "{text}: {message}");
            let place = format!("(at character {at})");
            assert!(message.ends_with(&place), "{text}: {message}");
        }
    }
}
