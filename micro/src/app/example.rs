//! A `curl` command that calls a method, for the start-up report.

use crate::codec::{FieldDescriptor, FieldType, Kind, Label, Types};
use crate::handler::{HttpRule, Kind as MethodKind, Route, Router};

/// Maximum number of fields in the example's request, besides those that are required.
const MAX_FIELDS: usize = 4;
/// Maximum depth of messages in the example's request.
const MAX_DEPTH: usize = 3;

/// Returns a command that calls the first unary method, by REST if it has a simple rule.
pub(super) fn command(router: &Router, url: &str) -> Option<String> {
    let routes = router.routes();
    let route = routes
        .iter()
        .find(|route| route.method.kind == MethodKind::Unary)?;
    let mut types = Types::default();
    let (input, _) = route.describe(&mut types);
    let request = Request {
        types: &types,
        input: &input,
    };
    let by_rule = rule(route).and_then(|rule| request.by_rule(rule, url));
    Some(by_rule.unwrap_or_else(|| {
        let path = route.method.path.trim_start_matches('/');
        json_command(&request.object(&input, 0, &[]), &format!("{url}{path}"))
    }))
}

/// Returns a rule that reads or that takes the whole request. Others may change what the sample
/// values name.
fn rule(route: &Route) -> Option<&HttpRule> {
    let mut rules = route.http.iter();
    rules.find(|rule| matches!((rule.verb, rule.body), ("GET", "") | ("POST", "*")))
}

fn json_command(body: &str, url: &str) -> String {
    format!("curl -d '{body}' -H 'content-type: application/json' {url}")
}

/// The request of the example.
struct Request<'a> {
    types: &'a Types,
    /// Full name of the message.
    input: &'a str,
}

impl Request<'_> {
    /// Returns the command for a rule, if the path's variables are simple and nothing else is
    /// required of a request without body.
    fn by_rule(&self, rule: &HttpRule, url: &str) -> Option<String> {
        let message = self.types.messages().get(self.input)?;
        let mut path = String::new();
        let mut variables = Vec::new();
        for (number, segment) in rule.path.split('/').skip(1).enumerate() {
            if number > 0 {
                path.push('/');
            }
            let Some(name) = segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            else {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
                if !segment.bytes().all(is_plain) {
                    return None;
                }
                path.push_str(segment);
                continue;
            };
            let field = message.fields.iter().find(|field| field.name == name)?;
            path.push_str(scalar(&field.ty.kind, name)?.trim_matches('"'));
            variables.push(name);
        }
        let url = format!("{url}{path}");
        if rule.body == "*" {
            let body = self.object(self.input, 0, &variables);
            return Some(json_command(&body, &url));
        }
        let is_missing =
            |field: &FieldDescriptor| field.required && !variables.contains(&&*field.name);
        (!message.fields.iter().any(is_missing)).then(|| format!("curl {url}"))
    }

    /// Returns a message as JSON, without the fields of these names.
    fn object(&self, name: &str, depth: usize, without: &[&str]) -> String {
        let fields = self.types.messages().get(name);
        let fields = fields.map_or(&[][..], |message| &message.fields);
        let mut shown = Vec::new();
        for field in fields {
            let is_plain = field.oneof.is_none() && matches!(field.ty.label, Label::Single);
            let is_wanted = field.required || (is_plain && shown.len() < MAX_FIELDS);
            if !is_wanted || without.contains(&&*field.name) {
                continue;
            }
            if let Some(value) = self.value(&field.ty, &field.name, depth + 1) {
                shown.push(format!("\"{}\":{value}", field.json_name));
            }
        }
        format!("{{{}}}", shown.join(","))
    }

    /// Returns a sample value of a field, or `None` if it is better left out.
    fn value(&self, ty: &FieldType, name: &str, depth: usize) -> Option<String> {
        match (&ty.label, &ty.kind) {
            (Label::Repeated, _) => Some("[]".to_owned()),
            (Label::Map(_), _) => Some("{}".to_owned()),
            (_, Kind::Enum(name)) => {
                let values = &self.types.enums().get(name)?.values;
                // The first value often means that nothing was chosen.
                let value = values.get(1).or_else(|| values.first())?;
                Some(format!("\"{}\"", value.name))
            }
            (_, Kind::Message(message)) => match message.strip_prefix("google.protobuf.") {
                Some("Timestamp") => Some("\"2026-01-01T00:00:00Z\"".to_owned()),
                Some("Duration") => Some("\"1s\"".to_owned()),
                Some("Struct" | "Empty") => Some("{}".to_owned()),
                None if depth < MAX_DEPTH => Some(self.object(message, depth, &[])),
                _ => None,
            },
            (_, kind) => scalar(kind, name),
        }
    }
}

/// Returns a sample value as JSON. A text is the name of its field.
fn scalar(kind: &Kind, name: &str) -> Option<String> {
    Some(match kind {
        Kind::Message(_) | Kind::Enum(_) => return None,
        Kind::String => format!("\"{name}\""),
        Kind::Bytes => "\"AAEC\"".to_owned(),
        Kind::Bool => "true".to_owned(),
        _ => "1".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[micro::message]
    struct Inner {
        #[allow(dead_code, reason = "only its descriptor is used")]
        at: std::time::SystemTime,
    }

    #[micro::message]
    struct Ask {
        name: String,
        count: u32,
        loud: bool,
        inner: Inner,
        tags: Vec<String>,
        limit: Option<u32>,
    }

    #[micro::message]
    struct Named {
        name: String,
        note: String,
    }

    #[micro::service]
    struct Example;

    #[micro::service]
    impl Example {
        #[micro::rpc]
        async fn ask(&self, request: Ask) -> Result<()> {
            drop(request);
            Ok(())
        }
    }

    #[micro::service]
    struct Read;

    #[micro::service]
    impl Read {
        #[micro::rpc(http = "GET /v1/things/{name}/parts")]
        async fn find(&self, request: Named) -> Result<()> {
            drop(request);
            Ok(())
        }
    }

    #[micro::service]
    struct Write;

    #[micro::service]
    impl Write {
        #[micro::rpc(http = "POST /v1/things/{name}")]
        async fn make(&self, request: Named) -> Result<()> {
            drop(request);
            Ok(())
        }
    }

    async fn of(service: impl crate::handler::Service) -> String {
        let app = App::builder().in_process().service(service).build().await;
        command(app.unwrap().router(), "http://127.0.0.1:80/").unwrap()
    }

    #[tokio::test]
    async fn the_first_method_is_called_with_a_request_of_its_type() {
        assert_eq!(
            of(Example).await,
            "curl -d '{\"name\":\"name\",\"count\":1,\"loud\":true,\
             \"inner\":{\"at\":\"2026-01-01T00:00:00Z\"}}' \
             -H 'content-type: application/json' http://127.0.0.1:80/example.Example/Ask"
        );
    }

    #[tokio::test]
    async fn a_method_with_a_rule_is_called_by_its_path() {
        assert_eq!(
            of(Read).await,
            "curl http://127.0.0.1:80/v1/things/name/parts"
        );
        assert_eq!(
            of(Write).await,
            "curl -d '{\"note\":\"note\"}' -H 'content-type: application/json' \
             http://127.0.0.1:80/v1/things/name"
        );
    }

    #[tokio::test]
    async fn an_app_without_unary_methods_has_no_example() {
        let app = App::builder().in_process().build().await.unwrap();
        assert_eq!(command(app.router(), "http://a/"), None);
    }
}
