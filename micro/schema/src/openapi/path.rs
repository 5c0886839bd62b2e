//! Templates as `OpenAPI` paths: literals, and a parameter for each wildcard segment.
//!
//! `OpenAPI` does not allow two paths that differ only in the names of parameters, so such
//! templates share the names of the first one.

use std::collections::BTreeMap;

use crate::http::{Segment, Template, Variable};

/// The names of parameters, by the paths without names.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Vec<String>>);

/// A template as an `OpenAPI` path.
#[derive(Debug)]
pub(super) struct Path<'a> {
    /// The path in the document, for example `/v1/shelves/{name}`.
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter<'a>>,
}

/// A wildcard segment.
#[derive(Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: String,
    /// The variable that contains the segment.
    pub(super) variable: Option<&'a Variable>,
    /// Whether the segment is the whole variable.
    pub(super) whole: bool,
    /// Whether the segment matches any number of segments.
    pub(super) rest: bool,
}

impl Names {
    /// Converts a template to a path.
    pub(super) fn path<'a>(&mut self, template: &'a Template) -> Path<'a> {
        let mut parameters = parameters(template);
        let own = parameters.iter().map(|parameter| parameter.name.clone());
        let known = self.0.entry(text(template, &[]));
        let names = known.or_insert_with(|| own.collect());
        for (parameter, name) in parameters.iter_mut().zip(&*names) {
            parameter.name.clone_from(name);
        }
        Path {
            text: text(template, names),
            parameters,
        }
    }
}

fn parameters(template: &Template) -> Vec<Parameter<'_>> {
    let mut found: Vec<Parameter<'_>> = Vec::new();
    for (at, segment) in template.segments().iter().enumerate() {
        if matches!(segment, Segment::Literal(_)) {
            continue;
        }
        let mut variables = template.variables().iter();
        let variable = variables.find(|one| one.segments().contains(&at));
        let mut name = match variable {
            None => format!("segment{at}"),
            Some(variable) => numbered(template, variable, at),
        };
        while found.iter().any(|other| other.name == name) {
            name.push('_');
        }
        found.push(Parameter {
            name,
            variable,
            whole: variable.is_some_and(|one| one.segments().len() == 1),
            rest: matches!(segment, Segment::Rest),
        });
    }
    found
}

/// The variable's name, with a number if the variable has several wildcard segments.
fn numbered(template: &Template, variable: &Variable, at: usize) -> String {
    let open = |at: &usize| !matches!(template.segments()[*at], Segment::Literal(_));
    let field = variable.field();
    if variable.segments().filter(open).count() == 1 {
        return field.to_owned();
    }
    let number = variable.segments().filter(open).take_while(|&one| one < at);
    format!("{field}_{}", number.count() + 1)
}

/// The path with these parameter names. With an empty list, the names are empty.
fn text(template: &Template, names: &[String]) -> String {
    let mut names = names.iter();
    let mut text = String::new();
    for segment in template.segments() {
        text.push('/');
        match segment {
            Segment::Literal(literal) => text.push_str(&encoded(literal)),
            _ => {
                text.push('{');
                text.push_str(names.next().map_or("", String::as_str));
                text.push('}');
            }
        }
    }
    if let Some(verb) = template.verb() {
        text.push(':');
        text.push_str(&encoded(verb));
    }
    text
}

/// Percent-encodes the characters of a literal that have a special meaning in paths and templates.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let bytes = text.bytes().map(|byte| match byte {
        _ if plain(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wildcard_segment_has_a_unique_name() {
        for (template, expected) in [
            ("/v1/items", "/v1/items"),
            ("/v1/{name=shelves/*}", "/v1/shelves/{name}"),
            (
                "/v1/{name=shelves/*/books/*}:lend",
                "/v1/shelves/{name_1}/books/{name_2}:lend",
            ),
            ("/v1/{path=**}", "/v1/{path}"),
            ("/{kind=exact}/*/{a.b}", "/exact/{segment1}/{a.b}"),
            ("/{a=*/*}/{a_1}", "/{a_1}/{a_2}/{a_1_}"),
            ("/a%20%7Bb/{c}", "/a%20%7Bb/{c}"),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(Names::default().path(&template).text, expected);
        }
    }

    #[test]
    fn templates_that_differ_only_in_names_share_a_path() {
        let mut names = Names::default();
        let [first, second] = ["/v1/items/{a}", "/{b=v1/items/*}"].map(|template| {
            let template = Template::parse(template).unwrap();
            let path = names.path(&template);
            let field = path.parameters[0].variable.unwrap().field().to_owned();
            (path.text, path.parameters[0].name.clone(), field)
        });
        let path = "/v1/items/{a}".to_owned();
        assert_eq!(first, (path.clone(), "a".to_owned(), "a".to_owned()));
        assert_eq!(second, (path, "a".to_owned(), "b".to_owned()));
    }
}
