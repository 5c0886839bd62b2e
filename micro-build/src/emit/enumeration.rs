//! Writes enums, with a variant for numbers without a name.

use std::collections::BTreeMap;

use protox::prost_reflect::{EnumDescriptor, EnumValueDescriptor};

use crate::emit::Emit;
use crate::emit::message::{attribute, is_deprecated, reserved};
use crate::emit::text::Text;
use crate::names::{Taken, ident, quoted, snake, variant};

/// A number with the variant's name and the aliases.
struct Value {
    ident: String,
    first: EnumValueDescriptor,
    aliases: Vec<EnumValueDescriptor>,
}

impl Emit<'_> {
    pub(super) fn enumeration(&mut self, descriptor: &EnumDescriptor, text: &mut Text) {
        let Some(place) = self.types.plan.place(descriptor.full_name()).cloned() else {
            return;
        };
        let prefix = snake(&place.ident).to_uppercase() + "_";
        let mut taken = Taken::default();
        let values = values(descriptor, &mut taken);
        let other = taken.free("Unrecognized".to_owned());
        text.gap();
        self.docs(descriptor.path(), text);
        let paths = descriptor.values().map(|value| value.path().to_vec());
        let paths: Vec<_> = paths.chain([descriptor.path().to_vec()]).collect();
        let mut names = vec![descriptor.full_name().to_owned()];
        names.extend(
            descriptor
                .parent_message()
                .map(|it| it.full_name().to_owned()),
        );
        self.lints(&paths, &names, text);
        attribute("message", &self.enum_keys(descriptor, &place.ident), text);
        text.line("#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]");
        self.attributes(descriptor.full_name(), true, text);
        if is_deprecated(&descriptor.options()) {
            text.line("#[deprecated]");
        }
        text.open(&format!("pub enum {}", ident(&place.ident)));
        for value in &values {
            self.value(value, &prefix, text);
        }
        text.line("/// A number without a name in this version of the enum.");
        text.line("#[micro(other)]");
        text.line(&format!("{other}(i32),"));
        text.close();
        self.aliases(descriptor, &values, &mut taken, text);
    }

    fn enum_keys(&self, descriptor: &EnumDescriptor, ident: &str) -> Vec<String> {
        let parent = descriptor.parent_message();
        let mut keys = self.place_keys(parent.as_ref(), descriptor.package_name());
        if ident != descriptor.name() {
            keys.push(format!("name = {}", quoted(descriptor.name())));
        }
        let ranges = descriptor.reserved_ranges();
        keys.extend(reserved(ranges, i32::MAX, descriptor.reserved_names()));
        keys
    }

    fn value(&self, value: &Value, prefix: &str, text: &mut Text) {
        let first = &value.first;
        self.docs(first.path(), text);
        let mut keys = Vec::new();
        // The attribute derives this name from that of the variant.
        if first.name() != format!("{prefix}{}", snake(&value.ident).to_uppercase()) {
            keys.push(format!("name = {}", quoted(first.name())));
        }
        if !value.aliases.is_empty() {
            let names: Vec<_> = value
                .aliases
                .iter()
                .map(|alias| quoted(alias.name()))
                .collect();
            keys.push(format!("alias({})", names.join(", ")));
        }
        if !keys.is_empty() {
            text.line(&format!("#[micro({})]", keys.join(", ")));
        }
        if first.number() == 0 {
            text.line("#[default]");
        }
        self.attributes(first.full_name(), false, text);
        if is_deprecated(&first.options()) {
            text.line("#[deprecated]");
        }
        text.line(&format!("{} = {},", ident(&value.ident), first.number()));
    }

    /// Writes the further names of a number as constants.
    fn aliases(
        &self,
        descriptor: &EnumDescriptor,
        values: &[Value],
        taken: &mut Taken,
        text: &mut Text,
    ) {
        let full = descriptor.full_name();
        let Some(place) = self.types.plan.place(full) else {
            return;
        };
        let aliases = values.iter().flat_map(|value| &value.aliases);
        let paths: Vec<_> = aliases.map(|alias| alias.path().to_vec()).collect();
        if paths.is_empty() {
            return;
        }
        text.gap();
        self.lints(&paths, &[full.to_owned()], text);
        text.open(&format!("impl {}", ident(&place.ident)));
        for value in values {
            for alias in &value.aliases {
                let lines = self.comments.lines(alias.path());
                if lines.is_empty() {
                    text.line(&format!(
                        "/// The same as [`{}`](Self::{}).",
                        value.ident, value.ident
                    ));
                }
                self.docs(alias.path(), text);
                let constant = taken.free(snake(alias.name()).to_uppercase());
                text.line(&format!(
                    "pub const {}: Self = Self::{};",
                    ident(&constant),
                    ident(&value.ident)
                ));
            }
        }
        text.close();
    }
}

/// Returns the values in the order of the file, each number once.
fn values(descriptor: &EnumDescriptor, taken: &mut Taken) -> Vec<Value> {
    let prefix = snake(descriptor.name()).to_uppercase() + "_";
    let in_file: Vec<_> = descriptor
        .enum_descriptor_proto()
        .value
        .iter()
        .filter_map(|value| descriptor.get_value_by_name(value.name()))
        .collect();
    let short = |name: &str| {
        let rest = name.strip_prefix(&prefix)?;
        rest.starts_with(|char: char| char.is_ascii_alphabetic())
            .then(|| variant(rest))
    };
    let mut counts = BTreeMap::<String, usize>::new();
    for value in &in_file {
        let name = short(value.name()).unwrap_or_else(|| variant(value.name()));
        *counts.entry(name).or_default() += 1;
    }
    let mut values = Vec::<Value>::new();
    for value in in_file {
        let same = values
            .iter_mut()
            .find(|it| it.first.number() == value.number());
        if let Some(same) = same {
            same.aliases.push(value);
            continue;
        }
        let name = short(value.name()).filter(|name| counts.get(name) == Some(&1));
        let name = name.unwrap_or_else(|| variant(value.name()));
        let ident = taken.free(name);
        values.push(Value {
            ident,
            first: value,
            aliases: Vec::new(),
        });
    }
    values
}
