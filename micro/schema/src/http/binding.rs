//! `Binding`: what a request of plain HTTP says of a message, and what a reply looks like.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::http::fields::{Astray, Budget, Fields, Target, Value, resolve, write_name};
use crate::http::media::Media;
use crate::http::parameters::Place;
use crate::http::template::Template;
use crate::http::{check, merge, scalar};
use crate::model::Http;
use micro_core::handler::HttpRule;
use micro_message::codec::{FieldDescriptor, Kind, Label, Types};
use micro_message::error::{Error, Result};
use micro_message::internal::shown;
use micro_wire::percent::{Mode, decode};

/// A rule that fits its method: which field comes from where.
///
/// The path's variables come first, then the body, then the query. With `body: "*"` all but the
/// variables comes from the body and there is no query; with a field's name the body is that
/// field; without a body all but the variables comes from the query.
#[derive(Debug, Clone)]
pub struct Binding {
    rule: Http,
    template: Template,
    /// Full name of the request.
    pub(super) input: String,
    /// One for each of the template's variables.
    pub(super) variables: Vec<Target>,
    pub(super) body: BodyRule,
    response: Option<FieldDescriptor>,
}

/// What the body of a request fills.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// There is none.
    Nothing,
    /// All that the path leaves over.
    Request,
    /// This field.
    Field(FieldDescriptor),
}

impl Binding {
    /// Checks a rule against the request and reply of its method, given by full names.
    ///
    /// # Errors
    ///
    /// Every mistake: a template that is none, variables that are no single values of the request,
    /// a body that is no field or is a variable, too.
    pub fn new(
        rule: &HttpRule,
        types: &Types,
        (input, output): (&str, &str),
    ) -> Result<Self, Vec<Error>> {
        Self::of(rule.into(), types, (input, output))
    }

    /// The same for a rule of a schema.
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

    /// The rule as it was written.
    pub fn rule(&self) -> &Http {
        &self.rule
    }

    /// The path.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// What the body fills.
    pub fn body(&self) -> &BodyRule {
        &self.body
    }

    /// The field of the reply that is the response's body; the whole reply when none.
    pub fn response_body(&self) -> Option<&FieldDescriptor> {
        self.response.as_ref()
    }

    /// What a body may be.
    pub fn media(&self) -> &'static [Media] {
        match &self.body {
            BodyRule::Nothing => &[],
            BodyRule::Request => &[Media::Json, Media::Form],
            BodyRule::Field(field) => media_of(field),
        }
    }

    /// What the response may be; JSON unless the caller asks for another one.
    pub fn response_media(&self) -> &'static [Media] {
        self.response.as_ref().map_or(&[Media::Json], media_of)
    }

    /// The JSON document of the request.
    ///
    /// `path` and `query` are as they were sent; the body's kind is one of [`media`](Self::media).
    /// Gathering parameters takes at most `memory` bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming field or parameter, when something is unknown, given twice, not
    /// of its type or too much. What the parts cannot show, decoding the document does.
    pub fn request(
        &self,
        types: &Types,
        (path, query): (&str, &str),
        body: Option<(Media, Bytes)>,
        memory: usize,
    ) -> Result<Bytes> {
        let mut fields = Fields::default();
        let mut budget = Budget(memory);
        self.bind_path(path, &mut fields, &mut budget)?;
        let mut gathered = (&mut fields, &mut budget);
        self.bind_query(types, (Place::Query, query), &mut gathered)?;
        match (&self.body, body) {
            (_, None) => {}
            (BodyRule::Request, Some((Media::Form, body))) => {
                let form = std::str::from_utf8(&body);
                let form = form.map_err(|_| Error::invalid_argument("the form is not UTF-8"))?;
                self.bind_query(types, (Place::Form, form), &mut gathered)?;
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

    fn bind_path(&self, path: &str, fields: &mut Fields, budget: &mut Budget) -> Result<()> {
        if let Some(dots) = path.split('/').find(|segment| is_dots(segment)) {
            return Err(Error::invalid_argument(format!(
                "`{dots}` in a path is a way, not a value, to whoever passes it on; send such \
                 values in query or body"
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
        (place, query): (Place, &str),
        (fields, budget): &mut (&mut Fields, &mut Budget),
    ) -> Result<()> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text| {
                decode(text, Mode::Form).map_err(|malformed| {
                    let name = shown(name);
                    Error::invalid_argument(format!("parameter `{name}`: {malformed}"))
                })
            };
            let (name, value) = (read(name)?, read(value)?);
            let (path, key) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
                Some((path, key)) => (path, Some(key)),
                None => (&*name, None),
            };
            let wrong = |problem: &str| {
                Error::invalid_argument(format!("parameter `{}`: {problem}", shown(&name)))
            };
            let target = resolve(types, &self.input, path).map_err(|astray| match astray {
                Astray::Unknown => self.unknown(types, place, &name),
                Astray::Unfit(because) => wrong(because),
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

    /// The response's part of a reply in JSON.
    ///
    /// # Errors
    ///
    /// `Internal` when the reply is no JSON object.
    pub fn response<'a>(&self, types: &Types, reply: &'a [u8]) -> Result<Cow<'a, str>> {
        let broken = || Error::internal("the reply is not an object of JSON");
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

/// The document when the body is one field.
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
