//! Writes messages as structs, their oneofs as enums with data, and a module for nested types.

use std::fmt::Display;
use std::ops::RangeInclusive;

use protox::prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor,
};

use crate::emit::text::Text;
use crate::emit::{Emit, used};
use crate::names::{Taken, camel, ident, lower, quoted, snake, variant};

/// The highest field number.
const MAX_TAG: u32 = 536_870_911;

impl Emit<'_> {
    pub(super) fn message(&mut self, message: &MessageDescriptor, text: &mut Text) {
        let plan = &self.types.plan;
        let Some(place) = plan.place(message.full_name()).cloned() else {
            return;
        };
        text.gap();
        self.docs(message.path(), text);
        let fields = message.fields().map(|field| field.path().to_vec());
        let oneofs = message.oneofs().map(|oneof| oneof.path().to_vec());
        let paths = fields.chain(oneofs).chain([message.path().to_vec()]);
        let paths: Vec<_> = paths.collect();
        let mut names: Vec<_> = message.fields().flat_map(|it| used(&it.kind())).collect();
        names.push(message.full_name().to_owned());
        names.extend(message.parent_message().map(|it| it.full_name().to_owned()));
        self.lints(&paths, &names, text);
        attribute("message", &self.keys(message, &place.ident), text);
        text.line("#[derive(Clone, Debug, Default, PartialEq)]");
        self.attributes(message.full_name(), true, text);
        if is_deprecated(&message.options()) {
            text.line("#[deprecated]");
        }
        if message.fields().len() == 0 {
            text.line(&format!("pub struct {} {{}}", ident(&place.ident)));
        } else {
            text.open(&format!("pub struct {}", ident(&place.ident)));
            self.fields(message, &place.modules, text);
            text.close();
        }
        if !place.inner.is_empty() {
            text.gap();
            text.line(&format!("/// Types within [`{}`].", place.ident));
            text.open(&format!("pub mod {}", ident(&place.inner)));
            let within = place.within();
            for oneof in message.oneofs().filter(|it| !it.is_synthetic()) {
                self.oneof(&oneof, &within, text);
            }
            let children = message.child_messages().filter(|it| !it.is_map_entry());
            children.for_each(|child| self.message(&child, text));
            message
                .child_enums()
                .for_each(|child| self.enumeration(&child, text));
            text.close();
        }
    }

    /// Returns the keys of the attribute.
    fn keys(&self, message: &MessageDescriptor, ident: &str) -> Vec<String> {
        let parent = message.parent_message();
        let mut keys = self.place_keys(parent.as_ref(), message.package_name());
        if ident != message.name() {
            keys.push(format!("name = {}", quoted(message.name())));
        }
        if self.any {
            keys.push("any".to_owned());
        }
        let ranges = message
            .reserved_ranges()
            .map(|range| range.start..=range.end - 1);
        keys.extend(reserved(ranges, MAX_TAG, message.reserved_names()));
        keys
    }

    /// Returns `package = "…"`, or `within = …` for a type within a message.
    pub(super) fn place_keys(
        &self,
        parent: Option<&MessageDescriptor>,
        package: &str,
    ) -> Vec<String> {
        let parent = parent.and_then(|parent| self.types.plan.place(parent.full_name()));
        vec![match parent {
            Some(parent) => format!("within = {}", parent.path(&parent.within())),
            None => format!("package = {}", quoted(package)),
        }]
    }

    fn fields(&mut self, message: &MessageDescriptor, from: &[String], text: &mut Text) {
        let mut taken = Taken::default();
        let mut oneofs = Vec::new();
        for field in in_order(message) {
            let oneof = field.containing_oneof().filter(|it| !it.is_synthetic());
            let Some(oneof) = oneof else {
                self.field(&field, from, &mut taken, text);
                continue;
            };
            if !oneofs.contains(&oneof) {
                self.oneof_field(&oneof, from, &mut taken, text);
                oneofs.push(oneof);
            }
        }
    }

    fn field(
        &mut self,
        field: &FieldDescriptor,
        from: &[String],
        taken: &mut Taken,
        text: &mut Text,
    ) {
        let file = field.parent_file();
        self.check(&file, field.path(), &field.kind());
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            self.check(&file, field.path(), &entry.map_entry_value_field().kind());
        }
        let ty = self.types.field(field, from);
        let name = taken.free(lower(field.name()));
        let mut keys = vec![format!("tag = {}", field.number())];
        keys.extend(name_keys(field, &name));
        keys.extend(
            ty.encoding
                .map(|encoding| format!("as = {}", quoted(&encoding))),
        );
        keys.extend(ty.unpacked.then(|| "unpacked".to_owned()));
        self.before(field, &keys, text);
        text.line(&format!("pub {}: {},", ident(&name), ty.rust));
    }

    /// Writes docs and attributes of a field or variant.
    fn before(&self, field: &FieldDescriptor, keys: &[String], text: &mut Text) {
        self.docs(field.path(), text);
        text.line(&format!("#[micro({})]", keys.join(", ")));
        self.attributes(field.full_name(), false, text);
        if is_deprecated(&field.options()) {
            text.line("#[deprecated]");
        }
    }

    fn oneof_field(
        &mut self,
        oneof: &OneofDescriptor,
        from: &[String],
        taken: &mut Taken,
        text: &mut Text,
    ) {
        let Some(place) = self.types.plan.oneof(oneof.full_name()) else {
            return;
        };
        let name = taken.free(lower(oneof.name()));
        let key = if name == oneof.name() {
            "oneof".to_owned()
        } else {
            format!("oneof, name = {}", quoted(oneof.name()))
        };
        self.docs(oneof.path(), text);
        text.line(&format!("#[micro({key})]"));
        let option = self.types.std(from, "Option");
        text.line(&format!(
            "pub {}: {option}<{}>,",
            ident(&name),
            place.path(from)
        ));
    }

    fn oneof(&mut self, oneof: &OneofDescriptor, from: &[String], text: &mut Text) {
        let Some(place) = self.types.plan.oneof(oneof.full_name()).cloned() else {
            return;
        };
        text.gap();
        self.docs(oneof.path(), text);
        let paths = oneof.fields().map(|field| field.path().to_vec());
        let paths: Vec<_> = paths.chain([oneof.path().to_vec()]).collect();
        let mut names: Vec<_> = oneof.fields().flat_map(|it| used(&it.kind())).collect();
        if oneof.fields().any(|it| is_deprecated(&it.options())) {
            names.push(oneof.parent_message().full_name().to_owned());
        }
        self.lints(&paths, &names, text);
        text.line("#[::micro::message(oneof)]");
        text.line("#[derive(Clone, Debug, PartialEq)]");
        self.attributes(oneof.full_name(), true, text);
        text.open(&format!("pub enum {}", ident(&place.ident)));
        let mut taken = Taken::default();
        let message = oneof.parent_message();
        let fields = in_order(message);
        for field in fields
            .iter()
            .filter(|it| it.containing_oneof().as_ref() == Some(oneof))
        {
            self.check(&field.parent_file(), field.path(), &field.kind());
            let name = taken.free(variant(field.name()));
            let (ty, encoding) = self.types.variant(field, from);
            let mut keys = vec![format!("tag = {}", field.number())];
            keys.extend(name_keys(field, &snake(&name)));
            keys.extend(encoding.map(|encoding| format!("as = {}", quoted(encoding))));
            self.before(field, &keys, text);
            let content = ty.map(|ty| format!("({ty})")).unwrap_or_default();
            text.line(&format!("{}{content},", ident(&name)));
        }
        text.close();
    }
}

/// Returns the fields in the order of the file. prost-reflect sorts them by number.
fn in_order(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let fields = message.descriptor_proto().field.iter();
    fields
        .filter_map(|field| message.get_field_by_name(field.name()))
        .collect()
}

/// Returns `name = "…"` and `json = "…"` where they differ from the defaults for the Rust name.
fn name_keys(field: &FieldDescriptor, name: &str) -> Vec<String> {
    let mut keys = Vec::new();
    if field.name() != name {
        keys.push(format!("name = {}", quoted(field.name())));
    }
    if field.json_name() != camel(field.name()) {
        keys.push(format!("json = {}", quoted(field.json_name())));
    }
    keys
}

/// Returns `reserved(2, 9..=11, 1000.., "old")`, if anything is reserved. The end `last` is written
/// as an open range.
pub(super) fn reserved<'a, T: Copy + Display + PartialEq>(
    ranges: impl Iterator<Item = RangeInclusive<T>>,
    last: T,
    names: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let ranges = ranges.map(|range| match (*range.start(), *range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) if end == last => format!("{start}.."),
        (start, end) => format!("{start}..={end}"),
    });
    let all: Vec<_> = ranges.chain(names.map(quoted)).collect();
    (!all.is_empty()).then(|| format!("reserved({})", all.join(", ")))
}

/// Writes `#[::micro::message(key, …)]`.
pub(super) fn attribute(name: &str, keys: &[String], text: &mut Text) {
    text.list(&format!("#[::micro::{name}("), keys, ")]");
}

/// Returns the option `deprecated` of a message, field, value or method.
pub(super) fn is_deprecated(options: &DynamicMessage) -> bool {
    let value = options.get_field_by_name("deprecated");
    value.is_some_and(|value| value.as_bool() == Some(true))
}
