//! Prints one file of a schema.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::model::{
    Enum, Field, File, Http, Kind, Label, Message, Method, Service, full, json_name,
};
use crate::proto::ANNOTATIONS;
use crate::proto::names::Names;
use micro_message::error::Result;

/// The largest tag that protobuf allows.
const LAST_TAG: i32 = (1 << 29) - 1;

/// Prints one file.
pub(super) struct Printer<'a> {
    names: &'a Names<'a>,
    file: &'a File,
    imports: BTreeSet<&'a str>,
    out: String,
    depth: usize,
}

impl<'a> Printer<'a> {
    pub(super) fn new(names: &'a Names<'a>, file: &'a File) -> Self {
        Self {
            names,
            file,
            imports: BTreeSet::new(),
            out: String::new(),
            depth: 0,
        }
    }

    /// Returns the text of the file.
    pub(super) fn print(mut self) -> Result<String> {
        for message in &self.file.messages {
            self.blank();
            self.message(message, &self.file.package)?;
        }
        for one in &self.file.enums {
            self.blank();
            self.enumeration(one);
        }
        for service in &self.file.services {
            self.blank();
            self.service(service)?;
        }
        let mut head = "syntax = \"proto3\";\n".to_owned();
        if !self.file.package.is_empty() {
            write!(head, "\npackage {};\n", self.file.package).expect("strings accept all writes");
        }
        for (index, import) in self.imports.iter().enumerate() {
            let blank = if index == 0 { "\n" } else { "" };
            writeln!(head, "{blank}import \"{import}\";").expect("strings accept all writes");
        }
        Ok(head + &self.out)
    }

    fn line(&mut self, text: &str) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Adds an empty line, except at the beginning of a block.
    fn blank(&mut self) {
        if !self.out.ends_with("{\n") {
            self.out.push('\n');
        }
    }

    fn open(&mut self, text: &str) {
        self.line(&format!("{text} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        if self.out.ends_with("{\n") {
            // The block is empty, so it is printed as `{}`.
            self.out.truncate(self.out.len() - 1);
            self.out.push_str("}\n");
        } else {
            self.line("}");
        }
    }

    fn doc(&mut self, doc: &str) {
        for line in doc.lines() {
            // Some parsers could end the comment at a control character.
            let line = line.replace(char::is_control, " ");
            self.line(format!("// {line}").trim_end());
        }
    }

    /// Returns the reference to a message or enum, and imports its file.
    fn reference(&mut self, name: &str, scope: &str) -> Result<String> {
        let names = self.names;
        let home = names.file(name)?;
        if home != self.file.name {
            self.imports.insert(home);
        }
        Ok(names.reference(name, scope, &self.file.package))
    }

    fn message(&mut self, message: &'a Message, scope: &str) -> Result<()> {
        let scope = full(scope, &message.name);
        self.doc(&message.doc);
        self.open(&format!("message {}", message.name));
        self.deprecated(message.deprecated);
        self.reserved(&message.reserved, LAST_TAG, &message.reserved_names);
        for inner in &message.messages {
            self.blank();
            self.message(inner, &scope)?;
        }
        for inner in &message.enums {
            self.blank();
            self.enumeration(inner);
        }
        if !message.messages.is_empty() || !message.enums.is_empty() {
            self.blank();
        }
        let mut done = BTreeSet::new();
        for field in &message.fields {
            match &field.oneof {
                None => self.field(field, &scope)?,
                Some(oneof) if done.insert(oneof) => {
                    if let Some(doc) = message.oneof_docs.get(oneof) {
                        self.doc(doc);
                    }
                    self.open(&format!("oneof {oneof}"));
                    let own = message
                        .fields
                        .iter()
                        .filter(|one| one.oneof.as_ref() == Some(oneof));
                    for field in own {
                        self.field(field, &scope)?;
                    }
                    self.close();
                }
                Some(_) => {}
            }
        }
        self.close();
        Ok(())
    }

    fn deprecated(&mut self, deprecated: bool) {
        if deprecated {
            self.line("option deprecated = true;");
        }
    }

    fn reserved(&mut self, ranges: &[(i32, i32)], max: i32, names: &[String]) {
        let ranges: Vec<_> = ranges
            .iter()
            .map(|&(first, last)| match last {
                _ if first == last => first.to_string(),
                _ if last == max => format!("{first} to max"),
                _ => format!("{first} to {last}"),
            })
            .collect();
        let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        for list in [ranges, names].iter().filter(|list| !list.is_empty()) {
            self.line(&format!("reserved {};", list.join(", ")));
        }
    }

    fn field(&mut self, field: &Field, scope: &str) -> Result<()> {
        self.doc(&field.doc);
        let kind = match &field.kind {
            Kind::Message(name) | Kind::Enum(name) => self.reference(name, scope)?,
            scalar => scalar.to_string(),
        };
        let label = match (&field.label, &field.oneof) {
            // The fields of a oneof have presence without a label.
            (Label::Optional, Some(_)) => &Label::Single,
            (label, _) => label,
        };
        let mut options = Vec::new();
        if field.json_name != json_name(&field.name) {
            options.push(format!("json_name = {}", quoted(&field.json_name)));
        }
        if field.unpacked {
            options.push("packed = false".to_owned());
        }
        if field.deprecated {
            options.push("deprecated = true".to_owned());
        }
        let options = bracketed(&options);
        let ty = label.with(&kind);
        self.line(&format!("{ty} {} = {}{options};", field.name, field.tag));
        Ok(())
    }

    fn enumeration(&mut self, one: &Enum) {
        self.doc(&one.doc);
        self.open(&format!("enum {}", one.name));
        let mut numbers = BTreeSet::new();
        if !one.values.iter().all(|value| numbers.insert(value.number)) {
            self.line("option allow_alias = true;");
        }
        self.deprecated(one.deprecated);
        self.reserved(&one.reserved, i32::MAX, &one.reserved_names);
        for value in &one.values {
            self.doc(&value.doc);
            let options = if value.deprecated {
                " [deprecated = true]"
            } else {
                ""
            };
            self.line(&format!("{} = {}{options};", value.name, value.number));
        }
        self.close();
    }

    fn service(&mut self, service: &Service) -> Result<()> {
        let scope = full(&self.file.package, &service.name);
        self.doc(&service.doc);
        self.open(&format!("service {}", service.name));
        self.deprecated(service.deprecated);
        for method in &service.methods {
            if !method.doc.is_empty() {
                self.blank();
            }
            self.method(method, &scope)?;
        }
        self.close();
        Ok(())
    }

    fn method(&mut self, method: &Method, scope: &str) -> Result<()> {
        self.doc(&method.doc);
        let mut message = |streams: bool, name: &str| -> Result<String> {
            let name = self.reference(name, scope)?;
            Ok(if streams {
                format!("stream {name}")
            } else {
                name
            })
        };
        let request = message(method.streams_requests, &method.request)?;
        let reply = message(method.streams_responses, &method.reply)?;
        let head = format!("rpc {}({request}) returns ({reply})", method.name);
        if !method.idempotent && !method.deprecated && method.http.is_empty() {
            self.line(&format!("{head};"));
            return Ok(());
        }
        self.open(&head);
        self.deprecated(method.deprecated);
        if method.safe {
            self.line("option idempotency_level = NO_SIDE_EFFECTS;");
        } else if method.idempotent {
            self.line("option idempotency_level = IDEMPOTENT;");
        }
        if let Some((first, more)) = method.http.split_first() {
            self.imports.insert(ANNOTATIONS);
            let option = self
                .names
                .reference("google.api.http", scope, &self.file.package);
            self.open(&format!("option ({option}) ="));
            for entry in rule(first) {
                self.line(&entry);
            }
            for other in more {
                self.line(&format!(
                    "additional_bindings {{ {} }}",
                    rule(other).join(" ")
                ));
            }
            self.depth -= 1;
            self.line("};");
        }
        self.close();
        Ok(())
    }
}

/// The entries of an HTTP rule.
fn rule(http: &Http) -> Vec<String> {
    let path = quoted(&http.path);
    let mut entries = vec![match &*http.verb {
        verb @ ("GET" | "PUT" | "POST" | "DELETE" | "PATCH") => {
            format!("{}: {path}", verb.to_ascii_lowercase())
        }
        verb => format!("custom {{ kind: {} path: {path} }}", quoted(verb)),
    }];
    for (name, field) in [("body", &http.body), ("response_body", &http.response_body)] {
        if !field.is_empty() {
            entries.push(format!("{name}: {}", quoted(field)));
        }
    }
    entries
}

fn bracketed(options: &[String]) -> String {
    match options {
        [] => String::new(),
        options => format!(" [{}]", options.join(", ")),
    }
}

/// Formats a text as a protobuf string literal.
fn quoted(text: &str) -> String {
    let mut literal = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => literal.extend(['\\', char]),
            _ if char.is_control() => {
                write!(literal, "\\U{:08x}", u32::from(char)).expect("strings accept all writes");
            }
            _ => literal.push(char),
        }
    }
    literal + "\""
}
