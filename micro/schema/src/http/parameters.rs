//! The parameters that the query or the form of a [`Binding`] may contain.

use crate::http::binding::{Binding, BodyRule};
use crate::http::fields::leaf;
use micro_message::codec::{FieldDescriptor, Kind, Label, Types};
use micro_message::error::Error;
use micro_message::internal::excerpt;

/// Maximum number of known names that an error lists.
const MAX_SUGGESTIONS: usize = 20;

/// Maximum depth of nested messages whose parameters are listed.
const MAX_LISTED_DEPTH: usize = 4;

/// A parameter of the query or the form.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Parameter {
    /// The name: `page_size`, or `filter.color` for a field of a field.
    pub name: String,
    /// The field that the parameter fills.
    pub field: FieldDescriptor,
}

impl Parameter {
    /// Whether the parameter is a map, which is written as one `name[key]=value` per entry.
    pub fn is_map(&self) -> bool {
        matches!(self.field.ty.label, Label::Map(_))
    }
}

/// The part of a request that contains parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterIn {
    /// The query, after the path.
    Query,
    /// A form, which is the body of the whole request.
    Form,
}

impl Binding {
    /// The parameters of the query, in the order of the message's fields. For recursive messages
    /// the depth is limited.
    pub fn parameters(&self, types: &Types) -> Vec<Parameter> {
        self.list(types, ParameterIn::Query)
    }

    /// The parameters of a form, in the same order. Empty if [`media`](Self::media) does not
    /// contain forms.
    pub fn form(&self, types: &Types) -> Vec<Parameter> {
        match self.body {
            BodyRule::Request => self.list(types, ParameterIn::Form),
            _ => Vec::new(),
        }
    }

    fn list(&self, types: &Types, place: ParameterIn) -> Vec<Parameter> {
        let mut listed = ParameterList {
            binding: self,
            types,
            place,
            path: Vec::new(),
            found: Vec::new(),
        };
        listed.add(&self.input, "");
        listed.found
    }

    /// The part of the request that fills a field, if it is not this one.
    pub(super) fn taken(&self, place: ParameterIn, path: &[String]) -> Option<&'static str> {
        if self.variables.iter().any(|variable| variable.path == path) {
            return Some("path");
        }
        let from_body = match &self.body {
            BodyRule::Nothing => false,
            BodyRule::Request => place != ParameterIn::Form,
            BodyRule::Field(field) => path.first() == Some(&field.json_name),
        };
        from_body.then_some("body")
    }

    pub(super) fn unknown(&self, types: &Types, place: ParameterIn, name: &str) -> Error {
        if place == ParameterIn::Form && name.starts_with(['{', '[']) {
            return Error::invalid_argument(
                "the body looks like JSON and its content type is that of a form; add `-H \
                 'content-type: application/json'`",
            );
        }
        let known = self.list(types, place);
        let mut names: Vec<String> = known
            .iter()
            .take(MAX_SUGGESTIONS)
            .map(|known| format!("`{}`", known.name))
            .collect();
        if known.len() > MAX_SUGGESTIONS {
            names.push("…".to_owned());
        }
        let known = if names.is_empty() {
            format!("`{}` takes none", self.rule())
        } else {
            format!("known: {}", names.join(", "))
        };
        Error::invalid_argument(format!("no parameter `{}`; {known}", excerpt(name)))
    }
}

/// Collects the parameters of nested messages.
struct ParameterList<'a> {
    binding: &'a Binding,
    types: &'a Types,
    place: ParameterIn,
    path: Vec<String>,
    found: Vec<Parameter>,
}

impl ParameterList<'_> {
    fn add(&mut self, message: &str, prefix: &str) {
        let types = self.types;
        let fields = types.messages().get(message);
        for field in fields.into_iter().flat_map(|message| &message.fields) {
            self.path.push(field.json_name.clone());
            let name = format!("{prefix}{}", field.name);
            if self.binding.taken(self.place, &self.path).is_none() {
                match (leaf(&field.ty), &field.ty.label, &field.ty.kind) {
                    (Ok(_), ..) => self.found.push(Parameter {
                        name,
                        field: field.clone(),
                    }),
                    (Err(_), Label::Single | Label::Optional, Kind::Message(inner))
                        if self.path.len() < MAX_LISTED_DEPTH =>
                    {
                        self.add(inner, &format!("{name}."));
                    }
                    _ => {}
                }
            }
            self.path.pop();
        }
    }
}
