//! Checks of a rule that the compiler could not make: template, fields, body.

use crate::http::binding::{Binding, BodyRule};
use crate::http::fields::{FieldError, Target, field, resolve};
use crate::http::template::{Template, Variable};
use crate::model::Http;
use micro_message::codec::{FieldDescriptor, Label, MessageDescriptor, Types};
use micro_message::error::{Error, Result};

/// Checks a rule against the messages of its method and returns all errors.
pub(super) fn binding(
    rule: Http,
    types: &Types,
    (input, output): (&str, &str),
) -> Result<Binding, Vec<Error>> {
    let mut problems = Vec::new();
    let mut note = |result: Result<()>| problems.extend(result.err());
    note(verb(&rule.verb));
    let template = Template::parse(&rule.path);
    let empty = MessageDescriptor::default();
    let of = |name: &str| types.messages().get(name).unwrap_or(&empty);
    let mut variables = Vec::new();
    match &template {
        Ok(template) => {
            for variable in template.variables() {
                match target(types, input, variable) {
                    Ok(target) => variables.push(target),
                    Err(problem) => note(Err(problem)),
                }
            }
        }
        Err(problem) => note(Err(Error::invalid_argument(problem.message().to_owned()))),
    }
    let body = body(&rule, of(input), input);
    let response = match &*rule.response_body {
        "" => Ok(None),
        name => top(of(output), (output, "response_body"), name).map(Some),
    };
    match (template, body, response) {
        (Ok(template), Ok(body), Ok(response)) => {
            note(not_both(&template, &variables, &body));
            if problems.is_empty() {
                let input = input.to_owned();
                let bound = (input, variables);
                return Ok(Binding::from_parts(rule, template, bound, (body, response)));
            }
        }
        (_, body, response) => {
            note(body.map(drop));
            note(response.map(drop));
        }
    }
    Err(problems)
}

fn verb(verb: &str) -> Result<()> {
    let wrong = if verb.is_empty() || !verb.bytes().all(|byte| byte.is_ascii_uppercase()) {
        "is not an HTTP method; write GET, PUT, POST, DELETE, PATCH or another one in capitals"
    } else if matches!(verb, "OPTIONS" | "CONNECT" | "TRACE") {
        "is reserved by HTTP; write GET, PUT, POST, DELETE or PATCH"
    } else {
        return Ok(());
    };
    Err(Error::invalid_argument(format!(
        "`{}` {wrong}",
        verb.escape_debug()
    )))
}

/// The field that a variable fills.
fn target(types: &Types, input: &str, variable: &Variable) -> Result<Target> {
    let name = variable.field();
    let because = match resolve(types, input, name) {
        Ok(target) if matches!(target.ty.label, Label::Single | Label::Optional) => {
            return Ok(target);
        }
        Ok(_) => "it has many values; a variable has one".to_owned(),
        Err(FieldError::Unfit(because)) => because.to_owned(),
        Err(FieldError::Unknown) => {
            let message = types.messages().get(input);
            format!(
                "`{input}` has no such field; {}",
                message.map_or(String::new(), known)
            )
        }
    };
    Err(Error::invalid_argument(format!(
        "the variable `{{{name}}}` cannot be filled: {because}"
    )))
}

fn body(rule: &Http, message: &MessageDescriptor, input: &str) -> Result<BodyRule> {
    if matches!(&*rule.verb, "GET" | "HEAD") && !rule.body.is_empty() {
        return Err(Error::invalid_argument(format!(
            "`{}` has no body; leave `body` out, and the fields come from the query",
            rule.verb
        )));
    }
    Ok(match &*rule.body {
        "" => BodyRule::Nothing,
        "*" => BodyRule::Request,
        name => BodyRule::Field(top(message, (input, "body"), name)?),
    })
}

/// A direct field of the message.
fn top(
    message: &MessageDescriptor,
    (full_name, what): (&str, &str),
    name: &str,
) -> Result<FieldDescriptor> {
    field(message, name).cloned().ok_or_else(|| {
        let known = known(message);
        Error::invalid_argument(format!(
            "`{what}` names `{}`, but `{full_name}` has no such field; {known}",
            name.escape_debug()
        ))
    })
}

fn known(message: &MessageDescriptor) -> String {
    let names: Vec<&str> = message
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    match &names[..] {
        [] => "it has no fields".to_owned(),
        names => format!("known: `{}`", names.join("`, `")),
    }
}

/// Rejects a field that both the path and the body fill.
fn not_both(template: &Template, variables: &[Target], body: &BodyRule) -> Result<()> {
    let BodyRule::Field(body) = body else {
        return Ok(());
    };
    let both = |target: &Target| target.path == [body.json_name.as_str()];
    match variables.iter().position(both) {
        None => Ok(()),
        Some(_) => Err(Error::invalid_argument(format!(
            "`{}` comes from the path `{template}` and from the body; leave one out",
            body.name
        ))),
    }
}
