//! `Template`: a path with variables, in the syntax of `google.api.http`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::http::parse;
use micro_message::error::{Error, Result};
use micro_wire::percent::{Mode, decode};

/// A path with variables: `/v1/shelves/{shelf}/books/{book}`, `/v1/{name=shelves/*/books/*}`,
/// `/v1/items/{id}:cancel`.
///
/// The grammar is that of `google.api.http`:
///
/// ```text
/// Template  = "/" Segments [ ":" LITERAL ]
/// Segments  = Segment { "/" Segment }
/// Segment   = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
/// FieldPath = IDENT { "." IDENT }
/// ```
///
/// `*` and `{name}` match one non-empty segment. `**` matches any number of segments and must come
/// last. A variable cannot contain another variable. Literals are compared in decoded form and are
/// case-sensitive. A slash at the end of a path adds an empty segment, which only `**` matches.
///
/// # Examples
///
/// ```
/// use micro::schema::http::Template;
///
/// let template = Template::parse("/v1/{name=shelves/*}/books/{book}").unwrap();
/// let values = template.values("/v1/shelves/7/books/war%20and%20peace").unwrap().unwrap();
/// assert_eq!(values, ["shelves/7", "war and peace"]);
/// assert_eq!(template.values("/v1/shelves/7").unwrap(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) text: String,
    pub(super) segments: Vec<Segment>,
    pub(super) variables: Vec<Variable>,
    pub(super) verb: Option<String>,
}

/// The part of a template between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A literal, in decoded form.
    Literal(String),
    /// `*`: any single segment.
    One,
    /// `**`: all remaining segments.
    Rest,
}

/// A variable and the segments that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub(super) field: String,
    pub(super) segments: Range<usize>,
    pub(super) several: bool,
}

impl Variable {
    /// The field of the request, by its protobuf name: `id`, or `book.name` for a nested field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The range of the template's segments that the variable matches.
    pub fn segments(&self) -> Range<usize> {
        self.segments.clone()
    }

    /// Whether the value may have several segments. `%2F` is not decoded in such a value.
    pub fn has_several_segments(&self) -> bool {
        self.several
    }

    fn value<'a>(&self, text: &'a str) -> Result<Cow<'a, str>> {
        let mode = if self.several {
            Mode::Segments
        } else {
            Mode::Segment
        };
        decode(text, mode).map_err(|malformed| {
            Error::invalid_argument(format!("`{}` in the path: {malformed}", self.field))
        })
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, with the position and the remedy, when the template is invalid.
    pub fn parse(text: &str) -> Result<Self> {
        parse::template(text)
    }

    /// The segments, including those of variables.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The variables, from left to right.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The verb after the last colon, in decoded form: `cancel` in `/v1/items/{id}:cancel`.
    pub fn verb(&self) -> Option<&str> {
        self.verb.as_deref()
    }

    /// The template in its original form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values of the variables in a path, in decoded form. `None` when the path does not match.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when a value is not correctly percent-encoded.
    pub fn values<'a>(&self, path: &'a str) -> Result<Option<Vec<Cow<'a, str>>>> {
        let Some(spans) = self.spans(path) else {
            return Ok(None);
        };
        let value = |variable: &Variable| {
            let Range { start, end } = variable.segments.clone();
            variable.value(&path[spans[start].start..spans[end - 1].end])
        };
        self.variables
            .iter()
            .map(value)
            .collect::<Result<_>>()
            .map(Some)
    }

    /// The range in a path that each segment matches.
    pub(super) fn spans(&self, path: &str) -> Option<Vec<Range<usize>>> {
        if !path.starts_with('/') {
            return None;
        }
        let path = match &self.verb {
            None => path,
            Some(verb) => {
                let (path, found) = split_verb(path)?;
                (decode(found, Mode::Segment).ok()? == *verb).then_some(path)?
            }
        };
        // Index of the slash before the next segment.
        let mut at = 0;
        let mut spans = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            if matches!(segment, Segment::Rest) {
                let start = path.len().min(at + 1);
                spans.push(start..path.len());
                at = path.len();
                continue;
            }
            let rest = path[at..].strip_prefix('/')?;
            let end = at + 1 + rest.find('/').unwrap_or(rest.len());
            let text = &path[at + 1..end];
            let matches = match segment {
                Segment::Literal(literal) => {
                    decode(text, Mode::Segment).is_ok_and(|text| text == *literal)
                }
                _ => !text.is_empty(),
            };
            if !matches {
                return None;
            }
            spans.push(at + 1..end);
            at = end;
        }
        (at == path.len()).then_some(spans)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits a path at the last colon of its last segment.
pub(super) fn split_verb(path: &str) -> Option<(&str, &str)> {
    let (before, verb) = path.rsplit_once(':')?;
    (!verb.contains('/')).then_some((before, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<String>> {
        let template = Template::parse(template).unwrap();
        let values = template.values(path).unwrap()?;
        Some(values.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn matching_paths_return_their_values() {
        for (template, path, expected) in [
            ("/v1/items", "/v1/items", &[] as &[&str]),
            ("/v1/items", "/v1/%69tems", &[]),
            ("/a%20b/{c}", "/a%20b/1", &["1"]),
            ("/v1/{id}", "/v1/7", &["7"]),
            ("/v1/{id}", "/v1/a%2Fb", &["a/b"]),
            ("/v1/{id}", "/v1/a%252Fb", &["a%2Fb"]),
            ("/v1/{id}", "/v1/a+b:c", &["a+b:c"]),
            ("/v1/{id=*}", "/v1/%C3%A9", &["é"]),
            ("/v1/*/{id}", "/v1/x/7", &["7"]),
            ("/v1/{name=shelves/*}", "/v1/shelves/7", &["shelves/7"]),
            (
                "/v1/{name=shelves/*}",
                "/v1/shelves/a%2Fb%20c",
                &["shelves/a%2Fb c"],
            ),
            (
                "/v1/{name=a/*/b/*}/c/{d.e}",
                "/v1/a/1/b/2/c/3",
                &["a/1/b/2", "3"],
            ),
            ("/v1/{path=**}", "/v1/a/b/c", &["a/b/c"]),
            ("/v1/{path=**}", "/v1", &[""]),
            ("/v1/{path=**}", "/v1/", &[""]),
            ("/v1/{path=**}", "/v1//a/", &["/a/"]),
            ("/v1/{path=files/**}", "/v1/files", &["files"]),
            ("/v1/{path=files/**}", "/v1/files/", &["files/"]),
            ("/v1/{path=files/**}", "/v1/files/a/b", &["files/a/b"]),
            ("/v1/items/{id}:cancel", "/v1/items/7:cancel", &["7"]),
            ("/v1/items/{id}:cancel", "/v1/items/a:b:cancel", &["a:b"]),
            ("/v1/items/{id}:cancel", "/v1/items/7:c%61ncel", &["7"]),
            ("/v1/{path=**}:undelete", "/v1/a/b:undelete", &["a/b"]),
            ("/v1:batch", "/v1:batch", &[]),
            ("/{kind=exact}", "/exact", &["exact"]),
        ] {
            let found = values(template, path);
            let found = found.unwrap_or_else(|| panic!("{template} {path}"));
            assert_eq!(found, expected, "{template} {path}");
        }
    }

    #[test]
    fn other_paths_do_not_match() {
        for (template, path) in [
            ("/v1/items", "/v1/Items"),
            ("/v1/items", "/v1/items/"),
            ("/v1/items", "/v1//items"),
            ("/v1/items", "//v1/items"),
            ("/v1/items", "/v1"),
            ("/v1/items", "v1/items"),
            ("/v1/items", ""),
            ("/**", ""),
            ("/**:a", ":a"),
            ("/v1/items", "*"),
            ("/v1/items", "/v1/it%ffems"),
            ("/v1/{id}", "/v1/"),
            ("/v1/{id}", "/v1"),
            ("/v1/{id}", "/v1/a/b"),
            ("/v1/{id}", "/v1/a/"),
            ("/v1/{name=shelves/*}", "/v1/shelves"),
            ("/v1/{name=shelves/*}", "/v1/shelves%2F7"),
            ("/v1/{path=files/**}", "/v1/filesystem"),
            ("/v1/items/{id}:cancel", "/v1/items/7"),
            ("/v1/items/{id}:cancel", "/v1/items/:cancel"),
            ("/v1/items/{id}:cancel", "/v1/items/7:Cancel"),
            ("/v1/items/{id}:cancel", "/v1/items/7%3Acancel"),
            ("/v1/items/{id}:cancel", "/v1/items:cancel/7"),
            ("/v1:batch", "/v1"),
        ] {
            assert_eq!(values(template, path), None, "{template} {path}");
        }
    }

    #[test]
    fn badly_encoded_values_name_their_field() {
        let template = Template::parse("/v1/{id}").unwrap();
        for (path, expected) in [
            ("/v1/%ff", "`id` in the path: it is not UTF-8"),
            (
                "/v1/%2",
                "`id` in the path: `%` needs two hexadecimal digits after it",
            ),
        ] {
            let error = template.values(path).unwrap_err();
            assert!(error.message().starts_with(expected), "{error}");
        }
    }
}
