//! Finds definitions that are not supported, and mistakes that protoc rejects but the parser
//! accepts. Each error has a position and a remedy.

use std::collections::BTreeMap;

use protox::prost_reflect::{
    DescriptorPool, EnumDescriptor, FileDescriptor, MessageDescriptor, ServiceDescriptor, Syntax,
};

use crate::source::place;

/// Returns all mistakes in the files for which code is generated.
pub(crate) fn mistakes(pool: &DescriptorPool, generated: impl Fn(&str) -> bool) -> Vec<String> {
    let mut mistakes = Vec::new();
    for file in pool.files() {
        if file.syntax() == Syntax::Proto2 {
            let names = file.messages().map(|it| it.full_name().to_owned());
            let names = names.chain(file.enums().map(|it| it.full_name().to_owned()));
            let mut names = names.chain(file.services().map(|it| it.full_name().to_owned()));
            if names.any(|name| generated(&name)) {
                mistakes.push(proto2(&file));
            }
        }
        let services = file.services().filter(|it| generated(it.full_name()));
        mistakes.extend(services.filter_map(|service| empty(&service)));
    }
    let is_new = |file: &FileDescriptor| file.syntax() == Syntax::Proto3;
    for message in pool.all_messages() {
        if is_new(&message.parent_file()) && generated(message.full_name()) {
            mistakes.extend(extensions(&message));
            mistakes.extend(swapped(&message));
        }
    }
    for descriptor in pool.all_enums() {
        if is_new(&descriptor.parent_file()) && generated(descriptor.full_name()) {
            mistakes.extend(alike(&descriptor));
        }
    }
    mistakes
}

fn proto2(file: &FileDescriptor) -> String {
    // The path of `syntax` in the descriptor of a file.
    let place = place(file, &[12]);
    let groups = file.messages().find_map(|message| group(&message));
    let more = groups.map_or(String::new(), |name| {
        format!(", and the group `{name}` a message")
    });
    format!(
        "{place}: proto2 is not supported; write `syntax = \"proto3\";`, remove `required` and \
         `[default = …]`{more}, or map its types to your own with `.extern_path(…)`"
    )
}

fn group(message: &MessageDescriptor) -> Option<String> {
    let field = message
        .fields()
        .find(protox::prost_reflect::FieldDescriptor::is_group);
    field
        .map(|field| field.full_name().to_owned())
        .or_else(|| message.child_messages().find_map(|child| group(&child)))
}

/// Rejects a service without methods, because a contract needs at least one.
fn empty(service: &ServiceDescriptor) -> Option<String> {
    (service.methods().len() == 0).then(|| {
        format!(
            "{}: the service `{}` has no methods; add one or remove the service",
            place(&service.parent_file(), service.path()),
            service.full_name()
        )
    })
}

fn extensions(message: &MessageDescriptor) -> Option<String> {
    message.descriptor_proto().extension_range.first()?;
    // The path of the first `extensions` in the descriptor of a message.
    let path = [message.path(), &[5]].concat();
    let place = place(&message.parent_file(), &path);
    Some(format!(
        "{place}: proto3 does not support `extensions`; remove them, and use a field of type \
         `google.protobuf.Any` for messages that are not known yet"
    ))
}

/// Rejects fields whose JSON name is the name of another field.
fn swapped(message: &MessageDescriptor) -> Vec<String> {
    let fields = message.fields().filter_map(|field| {
        let other = message.get_field_by_name(field.json_name())?;
        (other != field).then(|| {
            format!(
                "{}: the JSON name of `{}` is the name of the field `{}`, and JSON decoders accept \
                 both names; choose another `json_name`",
                place(&field.parent_file(), field.path()),
                field.name(),
                other.name()
            )
        })
    });
    fields.collect()
}

/// Rejects values that differ only in the enum's prefix and in case, like protoc. Languages that
/// strip the prefix would give them the same name.
fn alike(descriptor: &EnumDescriptor) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut known = BTreeMap::new();
    for value in &descriptor.enum_descriptor_proto().value {
        let short = pascal(without_prefix(value.name(), descriptor.name()));
        let Some(first) = known.insert(short.clone(), value) else {
            continue;
        };
        // Later values are compared with the first one.
        known.insert(short, first);
        let Some(found) = descriptor.get_value_by_name(value.name()) else {
            continue;
        };
        if first.number() != value.number() {
            mistakes.push(format!(
                "{}: the value `{}` of `{}` differs from `{}` only in the enum's prefix and in \
                 case; rename one of them",
                place(&descriptor.parent_file(), found.path()),
                value.name(),
                descriptor.full_name(),
                first.name()
            ));
        }
    }
    mistakes
}

/// Removes the name of the enum from the beginning of a value's name, unless nothing would remain.
/// The positions of `_` may differ.
fn without_prefix<'a>(name: &'a str, of: &str) -> &'a str {
    let mut rest = name;
    for char in of.chars().filter(|char| *char != '_') {
        let mut chars = rest.trim_start_matches('_').chars();
        if chars
            .next()
            .is_none_or(|it| !it.eq_ignore_ascii_case(&char))
        {
            return name;
        }
        rest = chars.as_str();
    }
    let rest = rest.trim_start_matches('_');
    if rest.is_empty() { name } else { rest }
}

/// `FOO_bar` → `FooBar`.
fn pascal(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    let words = words.map(|word| word[..1].to_uppercase() + &word[1..].to_lowercase());
    words.collect()
}
