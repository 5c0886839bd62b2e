//! The key `http` of `#[micro::rpc]`: how a method is called by plain HTTP.
//!
//! Whether the request has the fields that a rule names is checked when the app starts.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Expr, ExprArray, ExprLit, Lit, LitStr};

use crate::args::{Args, Value};
use crate::diag::Mistakes;
use crate::rpc::template;
use crate::suggest::unknown;

const VERBS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// A checked HTTP rule of a method.
pub(crate) struct Rule {
    verb: String,
    path: String,
    body: String,
    response_body: String,
    pub(crate) span: Span,
}

/// One rule as written in the attribute.
struct Written {
    text: LitStr,
    body: Option<LitStr>,
    response_body: Option<LitStr>,
}

/// Removes `http`, `body` and `response_body` from the arguments.
pub(super) fn take(args: &mut Args, mistakes: &mut Mistakes) -> Vec<Rule> {
    let mut written = Vec::new();
    while let Some(arg) = args.take("http") {
        let span = arg.span();
        match arg.value {
            Value::Expr(expr) => written.extend(of_expression(*expr, span, mistakes)),
            Value::List(tokens) => written.extend(of_list(tokens, span, mistakes)),
            _ => wrong(span, mistakes),
        }
    }
    let body = args.string("body", mistakes);
    let response_body = args.string("response_body", mistakes);
    match &mut written[..] {
        [one] if one.body.is_none() && one.response_body.is_none() => {
            (one.body, one.response_body) = (body, response_body);
        }
        rules => {
            let message = if rules.is_empty() {
                "`body` and `response_body` have no effect without `http`; add for example \
                 `http = \"POST /…\"`"
            } else {
                "with several `http` rules each one has its own body; write \
                 `http(\"POST /…\", body = \"…\")` for each"
            };
            for text in [body, response_body].into_iter().flatten() {
                mistakes.on(text, message);
            }
        }
    }
    let mut rules = Vec::<Rule>::new();
    for rule in written {
        let Some(rule) = rule.check(mistakes) else {
            continue;
        };
        let is_same = |other: &Rule| (&other.verb, &other.path) == (&rule.verb, &rule.path);
        if rules.iter().any(is_same) {
            let message = format!(
                "`{} {}` is given twice; remove one of them",
                rule.verb, rule.path
            );
            mistakes.at(rule.span, message);
        }
        rules.push(rule);
    }
    rules
}

fn wrong(span: Span, mistakes: &mut Mistakes) {
    let message = "`http` takes an HTTP method and a path; write for example \
                   `http = \"GET /v1/items/{id}\"`";
    mistakes.at(span, message);
}

/// Parses `http = "GET /a"` or `http = ["GET /a", "POST /b"]`.
fn of_expression(expr: Expr, span: Span, mistakes: &mut Mistakes) -> Vec<Written> {
    let list: Vec<Expr> = match expr {
        Expr::Array(ExprArray { elems, .. }) => elems.into_iter().collect(),
        one => vec![one],
    };
    if list.is_empty() {
        wrong(span, mistakes);
    }
    let mut all = Vec::new();
    for expr in list {
        match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => all.push(Written {
                text,
                body: None,
                response_body: None,
            }),
            _ => wrong(span, mistakes),
        }
    }
    all
}

/// Parses `http("POST /b", body = "item", response_body = "item")`.
fn of_list(tokens: TokenStream, span: Span, mistakes: &mut Mistakes) -> Option<Written> {
    let mut args = Args::parse(tokens, &["body", "response_body"], mistakes);
    let first = args.positional().map(|arg| arg.value);
    let (body, response_body) = (
        args.string("body", mistakes),
        args.string("response_body", mistakes),
    );
    args.finish(mistakes);
    match first {
        Some(Value::Expr(expr)) => {
            let written = of_expression(*expr, span, mistakes).pop()?;
            Some(Written {
                body,
                response_body,
                ..written
            })
        }
        _ => {
            wrong(span, mistakes);
            None
        }
    }
}

impl Written {
    fn check(self, mistakes: &mut Mistakes) -> Option<Rule> {
        let (text, span) = (self.text.value(), self.text.span());
        let Some((verb, path)) = text.trim().split_once(' ') else {
            wrong(span, mistakes);
            return None;
        };
        let path = path.trim_start();
        if !VERBS.contains(&verb) {
            mistakes.at(span, unknown("HTTP method", verb, VERBS));
        }
        let variables = template::variables(path).unwrap_or_else(|problem| {
            mistakes.at(span, format!("`{path}` is not a valid path: {problem}"));
            Vec::new()
        });
        let body = match &self.body {
            Some(body) => body.value(),
            None if matches!(verb, "POST" | "PUT" | "PATCH") => "*".to_owned(),
            None => String::new(),
        };
        if let Some(written) = &self.body {
            check_body(verb, written, &variables, mistakes);
        }
        let response_body = self.response_body.as_ref().map(LitStr::value);
        if let Some(name) = &response_body
            && !is_field(name)
        {
            let message =
                format!("`{name}` is not a field name; write the name of a field of the reply");
            mistakes.on(&self.response_body, message);
        }
        Some(Rule {
            verb: verb.to_owned(),
            path: path.to_owned(),
            body,
            response_body: response_body.unwrap_or_default(),
            span,
        })
    }
}

fn check_body(verb: &str, written: &LitStr, variables: &[String], mistakes: &mut Mistakes) {
    let body = written.value();
    if body.is_empty() {
        return;
    }
    if matches!(verb, "GET" | "HEAD") {
        let message = format!(
            "a {verb} request has no body; remove `body`, and the fields that are not in the path \
             are read from the query"
        );
        mistakes.on(written, message);
    } else if body != "*" && !is_field(&body) {
        let message = format!(
            "`{body}` is not a field name; write the name of a field of the request, `*` for all \
             fields that are not in the path, or `\"\"` for no body"
        );
        mistakes.on(written, message);
    } else if variables.contains(&body) {
        let message =
            format!("the path already sets the field `{body}`; write another field for the body");
        mistakes.on(written, message);
    }
}

fn is_field(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns `.http(…)` if there are rules.
pub(super) fn expand(rules: &[Rule], private: &TokenStream) -> Option<TokenStream> {
    let each = rules.iter().map(|rule| {
        let (verb, path) = (&rule.verb, &rule.path);
        let body = Some(&rule.body).filter(|body| !body.is_empty());
        let body = body.map(|body| quote!(.body(#body)));
        let response = Some(&rule.response_body).filter(|field| !field.is_empty());
        let response = response.map(|field| quote!(.response_body(#field)));
        quote!(#private::HttpRule::new(#verb, #path) #body #response)
    });
    (!rules.is_empty()).then(|| quote!(.http(const { &[#(#each),*] })))
}
