//! The descriptors of the generated types, compared with those of the `.proto` files.

use std::collections::BTreeSet;

use micro::codec::Message;
use micro::schema::Types;
use micro::schema::descriptor::FileDescriptorSet;
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, MessageDescriptor};

use super::{POOL, every_message, generated};

macro_rules! describe {
    ($($message:path),*) => {{
        use generated::*;
        let mut types = Types::default();
        $( <$message>::describe(&mut types); )*
        types
    }};
}

fn ours() -> DescriptorPool {
    let types = every_message!(describe);
    assert_eq!(types.conflicts(), []);
    let mut bytes = Vec::new();
    let file = micro::schema::files(&types).unwrap();
    FileDescriptorSet { file }.encode(&mut bytes);
    DescriptorPool::decode(bytes.as_slice()).unwrap()
}

/// All properties of a field.
fn field(field: &FieldDescriptor) -> String {
    // An `optional` message field is one that may be unset, like every message field.
    let oneof = field.containing_oneof().filter(|it| !it.is_synthetic());
    format!(
        "{} {} {} {:?} {:?} packed {} presence {} oneof {:?} deprecated {}",
        field.name(),
        field.number(),
        field.json_name(),
        field.kind(),
        field.cardinality(),
        field.is_packed(),
        field.supports_presence(),
        oneof.map(|it| it.full_name().to_owned()),
        field
            .field_descriptor_proto()
            .options
            .as_ref()
            .is_some_and(prost_reflect::prost_types::FieldOptions::deprecated),
    )
}

/// All properties of a message, including its position.
fn message(message: &MessageDescriptor) -> Vec<String> {
    let mut lines: Vec<_> = message.fields().map(|it| field(&it)).collect();
    lines.push(format!(
        "in {:?}",
        message.parent_message().map(|it| it.full_name().to_owned())
    ));
    lines.push(format!("package {}", message.package_name()));
    let oneofs = message.oneofs().filter(|it| !it.is_synthetic());
    lines.extend(oneofs.map(|it| format!("oneof {}", it.name())));
    lines.extend(
        message
            .reserved_ranges()
            .map(|range| format!("reserved {range:?}")),
    );
    lines.extend(
        message
            .reserved_names()
            .map(|name| format!("reserved {name}")),
    );
    let options = &message.descriptor_proto().options;
    let deprecated = options
        .as_ref()
        .is_some_and(prost_reflect::prost_types::MessageOptions::deprecated);
    lines.push(format!("deprecated {deprecated}"));
    lines
}

fn enumeration(descriptor: &EnumDescriptor) -> BTreeSet<String> {
    let values = descriptor.values().map(|value| {
        let options = &value.enum_value_descriptor_proto().options;
        let deprecated = options
            .as_ref()
            .is_some_and(prost_reflect::prost_types::EnumValueOptions::deprecated);
        format!(
            "{} = {} deprecated {deprecated}",
            value.name(),
            value.number()
        )
    });
    let mut lines: BTreeSet<_> = values.collect();
    lines.insert(format!("first {}", descriptor.default_value().number()));
    lines.insert(format!(
        "in {:?}",
        descriptor
            .parent_message()
            .map(|it| it.full_name().to_owned())
    ));
    lines.insert(format!("package {}", descriptor.package_name()));
    lines.extend(
        descriptor
            .reserved_ranges()
            .map(|range| format!("reserved {range:?}")),
    );
    lines.extend(
        descriptor
            .reserved_names()
            .map(|name| format!("reserved {name}")),
    );
    let options = &descriptor.enum_descriptor_proto().options;
    let options = options
        .as_ref()
        .map(|it| (it.allow_alias(), it.deprecated()));
    lines.insert(format!("{:?}", options.unwrap_or_default()));
    lines
}

#[test]
fn they_are_the_same() {
    let ours = ours();
    let own = |name: &str| !name.starts_with("google.");
    for theirs in POOL.all_messages().filter(|it| own(it.full_name())) {
        let found = ours.get_message_by_name(theirs.full_name());
        let found = found.unwrap_or_else(|| panic!("no message `{}`", theirs.full_name()));
        assert_eq!(message(&found), message(&theirs), "{}", theirs.full_name());
    }
    for theirs in POOL.all_enums().filter(|it| own(it.full_name())) {
        let found = ours.get_enum_by_name(theirs.full_name());
        let found = found.unwrap_or_else(|| panic!("no enum `{}`", theirs.full_name()));
        assert_eq!(
            enumeration(&found),
            enumeration(&theirs),
            "{}",
            theirs.full_name()
        );
    }
    let names = |pool: &DescriptorPool| -> BTreeSet<String> {
        let names = pool.all_messages().map(|it| it.full_name().to_owned());
        names.filter(|name| own(name)).collect()
    };
    assert_eq!(names(&ours), names(&POOL));
}

#[test]
fn comments_become_docs_of_the_descriptors() {
    let types = every_message!(describe);
    let color = &types.enums()["awkward.v1.Color"];
    assert_eq!(color.doc, "Colours; more of them may come.");
    assert_eq!(color.values[1].doc, "Like a cherry.");
    let choice = &types.messages()["awkward.v1.Choice"];
    let number = choice
        .fields
        .iter()
        .find(|field| field.name == "number")
        .unwrap();
    assert_eq!(number.doc, "A number.");
}
