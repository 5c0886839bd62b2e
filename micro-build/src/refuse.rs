//! What is not supported, with the place where it stands and what to write instead.

use protox::prost_reflect::{
    DescriptorPool, FileDescriptor, MessageDescriptor, ServiceDescriptor, Syntax,
};

use crate::source::place;

/// Everything in the files to generate that has no form in Rust.
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
    mistakes
}

fn proto2(file: &FileDescriptor) -> String {
    // The path of `syntax` in a file.
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

/// A service without methods, of which no contract can be made.
fn empty(service: &ServiceDescriptor) -> Option<String> {
    (service.methods().len() == 0).then(|| {
        format!(
            "{}: the service `{}` has no methods; give it one, or remove it",
            place(&service.parent_file(), service.path()),
            service.full_name()
        )
    })
}
