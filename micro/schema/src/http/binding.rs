//! `Binding`: how a plain HTTP request fills a message, and how a response is built from one.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::http::fields::{FieldError, Fields, MemoryBudget, Target, Value, resolve, write_name};
use crate::http::media::Media;
use crate::http::parameters::ParameterIn;
use crate::http::template::Template;
use crate::http::{check, merge, scalar};
use crate::model::Http;
use micro_core::handler::HttpRule;
use micro_message::codec::{FieldDescriptor, Kind, Label, Types};
use micro_message::error::{Error, Result};
use micro_message::internal::excerpt;
use micro_wire::percent::{Mode, decode};

/// A checked rule of a method: it defines which part of a request fills which field.
///
/// The variables of the path come first, then the body, then the query. With `body: "*"`, the body
/// fills all fields except the variables, and query parameters are rejected. With a field's name,
/// the body fills that field. Without a body, the query fills all fields except the variables.
#[derive(Debug, Clone)]
pub struct Binding {
    rule: Http,
    template: Template,
    /// Full name of the request message.
    pub(super) input: String,
    /// The targets of the template's variables, in order.
    pub(super) variables: Vec<Target>,
    pub(super) body: BodyRule,
    response: Option<FieldDescriptor>,
}

/// The part of a request that the body fills.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// The request has no body.
    Nothing,
    /// All fields except those in the path.
    Request,
    /// A single field.
    Field(FieldDescriptor),
}

impl Binding {
    /// Checks a rule against the request and response of its method, given by full names.
    ///
    /// # Errors
    ///
    /// Returns all errors: an invalid template, variables that are not single values of the
    /// request, a body that is not a field or that is also a variable.
    pub fn new(
        rule: &HttpRule,
        types: &Types,
        (input, output): (&str, &str),
    ) -> Result<Self, Vec<Error>> {
        Self::of(rule.into(), types, (input, output))
    }

    /// Like [`new`](Self::new), for a rule of a schema.
    pub(crate) fn of(rule: Http, types: &Types, names: (&str, &str)) -> Result<Self, Vec<Error>> {
        check::binding(rule, types, names)
    }

    pub(super) fn from_parts(
        rule: Http,
        template: Template,
        (input, variables): (String, Vec<Target>),
        (body, response): (BodyRule, Option<FieldDescriptor>),
    ) -> Self {
        Self {
            rule,
            template,
            input,
            variables,
            body,
            response,
        }
    }

    /// The rule in its original form.
    pub fn rule(&self) -> &Http {
        &self.rule
    }

    /// The template of the path.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The part of the request that the body fills.
    pub fn body(&self) -> &BodyRule {
        &self.body
    }

    /// The field of the response message that is the HTTP body, or `None` for the whole message.
    pub fn response_body(&self) -> Option<&FieldDescriptor> {
        self.response.as_ref()
    }

    /// The content types that a body may have.
    pub fn media(&self) -> &'static [Media] {
        match &self.body {
            BodyRule::Nothing => &[],
            BodyRule::Request => &[Media::Json, Media::Form],
            BodyRule::Field(field) => media_of(field),
        }
    }

    /// The content types that the HTTP response may have. The default is JSON.
    pub fn response_media(&self) -> &'static [Media] {
        self.response.as_ref().map_or(&[Media::Json], media_of)
    }

    /// Builds the JSON document of the request.
    ///
    /// `path` and `query` are in their encoded form. The content type of the body must be one of
    /// [`media`](Self::media). The parameters may use at most `memory` bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming field or parameter, when a parameter is unknown, given twice, of
    /// the wrong type or too large. Other errors are found when the document is decoded.
    pub fn request(
        &self,
        types: &Types,
        (path, query): (&str, &str),
        body: Option<(Media, Bytes)>,
        memory: usize,
    ) -> Result<Bytes> {
        let mut fields = Fields::default();
        let mut budget = MemoryBudget(memory);
        self.bind_path(path, &mut fields, &mut budget)?;
        let mut gathered = (&mut fields, &mut budget);
        self.bind_query(types, (ParameterIn::Query, query), &mut gathered)?;
        match (&self.body, body) {
            (_, None) => {}
            (BodyRule::Request, Some((Media::Form, body))) => {
                let form = std::str::from_utf8(&body);
                let form = form.map_err(|_| Error::invalid_argument("the form is not UTF-8"))?;
                self.bind_query(types, (ParameterIn::Form, form), &mut gathered)?;
            }
            (BodyRule::Request, Some((_, body))) if fields.is_empty() => return Ok(body),
            (BodyRule::Request, Some((_, body))) => {
                let message = types.messages().get(&self.input);
                let mut out = Vec::with_capacity(body.len() + 64);
                let merged = merge::merge(fields, &body, (types, message), &mut out);
                return merged
                    .map(|()| out.into())
                    .map_err(|error| not_json(&error));
            }
            (BodyRule::Field(field), Some((media, body))) => {
                return field_of_body(types, (field, media), &body, fields);
            }
            (BodyRule::Nothing, Some(_)) => {
                return Err(Error::invalid_argument(format!(
                    "`{}` takes no body; its fields come from path and query",
                    self.rule
                )));
            }
        }
        let mut out = Vec::new();
        Value::Message(fields).write(&mut out);
        Ok(out.into())
    }

    fn bind_path(&self, path: &str, fields: &mut Fields, budget: &mut MemoryBudget) -> Result<()> {
        if let Some(dots) = path.split('/').find(|segment| is_dots(segment)) {
            return Err(Error::invalid_argument(format!(
                "`{dots}` cannot be a value in a path, because proxies resolve it; send it in the \
                 query or the body"
            )));
        }
        let values = self.template.values(path)?.ok_or_else(|| {
            Error::internal(format!("`{}` does not match its path", self.template))
        })?;
        for ((target, variable), value) in self
            .variables
            .iter()
            .zip(self.template.variables())
            .zip(values)
        {
            fields
                .put(target, (None, &value), budget)
                .map_err(|problem| {
                    let field = variable.field();
                    Error::invalid_argument(format!("`{field}` in the path: {problem}"))
                })?;
        }
        Ok(())
    }

    fn bind_query(
        &self,
        types: &Types,
        (place, query): (ParameterIn, &str),
        (fields, budget): &mut (&mut Fields, &mut MemoryBudget),
    ) -> Result<()> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text| {
                decode(text, Mode::Form).map_err(|malformed| {
                    let name = excerpt(name);
                    Error::invalid_argument(format!("parameter `{name}`: {malformed}"))
                })
            };
            let (name, value) = (read(name)?, read(value)?);
            let (path, key) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
                Some((path, key)) => (path, Some(key)),
                None => (&*name, None),
            };
            let wrong = |problem: &str| {
                Error::invalid_argument(format!("parameter `{}`: {problem}", excerpt(&name)))
            };
            let target = resolve(types, &self.input, path).map_err(|astray| match astray {
                FieldError::Unknown => self.unknown(types, place, &name),
                FieldError::Unfit(because) => wrong(because),
            })?;
            if let Some(from) = self.taken(place, &target.path) {
                return Err(wrong(&format!("`{}` takes it from the {from}", self.rule)));
            }
            fields
                .put(&target, (key, &value), budget)
                .map_err(|problem| wrong(&problem))?;
        }
        Ok(())
    }

    /// Extracts the HTTP response body from a response message in JSON.
    ///
    /// # Errors
    ///
    /// `Internal` when the response message is not a JSON object.
    pub fn response<'a>(&self, types: &Types, reply: &'a [u8]) -> Result<Cow<'a, str>> {
        let broken = || Error::internal("the response is not a JSON object");
        let Some(field) = &self.response else {
            return std::str::from_utf8(reply)
                .map(Cow::Borrowed)
                .map_err(|_| broken());
        };
        let found = merge::find(reply, &field.json_name);
        let found = found.map_err(|error| broken().with_source(error))?;
        Ok(match found {
            Some(value) => Cow::Borrowed(value.get()),
            None => Cow::Owned(scalar::absent(&field.ty, types)),
        })
    }
}

fn media_of(field: &FieldDescriptor) -> &'static [Media] {
    match (&field.ty.kind, &field.ty.label) {
        (Kind::Bytes, Label::Single | Label::Optional) => &[Media::Json, Media::Bytes],
        (Kind::String, Label::Single | Label::Optional) => &[Media::Json, Media::Text],
        _ => &[Media::Json],
    }
}

/// Builds the document of a request whose body is one field.
fn field_of_body(
    types: &Types,
    (field, media): (&FieldDescriptor, Media),
    body: &[u8],
    mut fields: Fields,
) -> Result<Bytes> {
    let own = fields.0.remove(&field.json_name);
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut first = true;
    out.push(b'{');
    fields.write(&mut first, &mut out);
    write_name(&field.json_name, &mut first, &mut out);
    match (media, own, &field.ty.kind) {
        (Media::Bytes, ..) => {
            out.extend_from_slice(scalar::quoted(&STANDARD.encode(body)).as_bytes());
        }
        (Media::Text, ..) => {
            let text = std::str::from_utf8(body);
            let text = text.map_err(|_| Error::invalid_argument("the body is not UTF-8"))?;
            out.extend_from_slice(scalar::quoted(text).as_bytes());
        }
        (_, Some(Value::Message(own)), Kind::Message(name)) => {
            let message = types.messages().get(name);
            merge::merge(own, body, (types, message), &mut out)
                .map_err(|error| not_json(&error))?;
        }
        _ => merge::copy(body, &mut out).map_err(|error| not_json(&error))?,
    }
    out.push(b'}');
    Ok(out.into())
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::invalid_argument(format!("cannot read the body as JSON: {error}"))
}

fn is_dots(segment: &str) -> bool {
    segment.len() <= 6
        && decode(segment, Mode::Segment).is_ok_and(|text| matches!(&*text, "." | ".."))
}
