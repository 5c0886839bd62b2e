//! Writes services as contracts: a trait to implement, from which the client is generated too.

use protox::prost_reflect::prost_types::MethodOptions;
use protox::prost_reflect::prost_types::method_options::IdempotencyLevel;
use protox::prost_reflect::{Kind, MethodDescriptor, ServiceDescriptor};

use crate::emit::Emit;
use crate::emit::http;
use crate::emit::message::{attribute, is_deprecated};
use crate::emit::text::Text;
use crate::names::{Taken, ident, lower, quoted, wire};
use crate::source::place;

/// Names of methods that every client has.
const RESERVED_METHODS: &[&str] = &["new", "connect", "clone", "fmt", "__client"];

impl Emit<'_> {
    pub(super) fn service(
        &mut self,
        service: &ServiceDescriptor,
        from: &[String],
        text: &mut Text,
    ) {
        let name = service.name();
        if matches!(name, "Self" | "self" | "super" | "crate") {
            self.mistakes.push(format!(
                "{}: `{name}` cannot be the name of a trait in Rust; rename the service",
                place(&service.parent_file(), service.path())
            ));
        }
        text.gap();
        self.docs(service.path(), text);
        let paths = service.methods().map(|method| method.path().to_vec());
        let paths: Vec<_> = paths.chain([service.path().to_vec()]).collect();
        let messages = service.methods().flat_map(|it| [it.input(), it.output()]);
        let names: Vec<_> = messages.map(|it| it.full_name().to_owned()).collect();
        self.lints(&paths, &names, text);
        if !name.starts_with(|char: char| char.is_ascii_uppercase()) || name.contains('_') {
            text.line("#[allow(non_camel_case_types)]");
        }
        let package = format!("package = {}", quoted(service.package_name()));
        attribute("service", &[package], text);
        self.attributes(service.full_name(), false, text);
        if is_deprecated(&service.options()) {
            text.line("#[deprecated]");
        }
        text.open(&format!("pub trait {}", ident(name)));
        let mut taken = Taken::default();
        for name in RESERVED_METHODS {
            taken.add(name);
        }
        for method in service.methods() {
            self.method(&method, from, &mut taken, text);
        }
        text.close();
    }

    fn method(
        &mut self,
        method: &MethodDescriptor,
        from: &[String],
        taken: &mut Taken,
        text: &mut Text,
    ) {
        let file = method.parent_file();
        let (input, output) = (method.input(), method.output());
        self.check(&file, method.path(), &Kind::Message(input.clone()));
        self.check(&file, method.path(), &Kind::Message(output.clone()));
        let name = taken.free(lower(method.name()));
        text.gap();
        self.docs(method.path(), text);
        match &self.method_keys(method, &name)[..] {
            [] => text.line("#[micro::rpc]"),
            keys => text.list("#[micro::rpc(", keys, ")]"),
        }
        self.attributes(method.full_name(), false, text);
        if is_deprecated(&method.options()) {
            text.line("#[deprecated]");
        }
        let (input, output) = (
            self.types.message(&input, from),
            self.types.message(&output, from),
        );
        let mut parameters = vec!["&self".to_owned()];
        match (method.is_client_streaming(), &input[..]) {
            (true, input) => parameters.push(format!("input: ::micro::Streaming<{input}>")),
            (false, "()") => {}
            (false, input) => parameters.push(format!("request: {input}")),
        }
        let output = if method.is_server_streaming() {
            format!("::micro::Streaming<{output}>")
        } else {
            output
        };
        let name = ident(&name);
        let close = format!(") -> ::micro::Result<{output}>;");
        text.list(&format!("async fn {name}("), &parameters, &close);
    }

    fn method_keys(&mut self, method: &MethodDescriptor, name: &str) -> Vec<String> {
        let mut keys = Vec::new();
        if method.name() != wire(name) {
            keys.push(format!("name = {}", quoted(method.name())));
        }
        let options = method.method_descriptor_proto().options.as_ref();
        match options.map(MethodOptions::idempotency_level) {
            Some(IdempotencyLevel::NoSideEffects) => keys.push("safe".to_owned()),
            Some(IdempotencyLevel::Idempotent) => keys.push("idempotent".to_owned()),
            _ => {}
        }
        match http::keys(method) {
            Ok(http) => keys.extend(http),
            Err(mistake) => {
                let place = place(&method.parent_file(), method.path());
                self.mistakes.push(format!("{place}: {mistake}"));
            }
        }
        keys
    }
}
