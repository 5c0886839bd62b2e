//! Converts collected types to the model: the contents of descriptor files, and the properties that
//! descriptors cannot express.

use crate::files::files;
use crate::model::{Enum, Message, Schema, full};
use micro_message::codec::{EnumDescriptor, MessageDescriptor, Types};
use micro_message::error::Result;

impl Schema {
    /// Converts collected types.
    ///
    /// # Errors
    ///
    /// As [`files`](crate::files()).
    pub(crate) fn from_types(types: &Types) -> Result<Self> {
        let mut schema = Self::from_files(&files(types)?)?;
        for file in &mut schema.files {
            file.knows_required = true;
            messages(types, &file.package, &mut file.messages);
            enums(types, &file.package, &mut file.enums);
        }
        Ok(schema)
    }
}

fn messages(types: &Types, scope: &str, list: &mut [Message]) {
    for message in list {
        let name = full(scope, &message.name);
        if let Some(known) = types.messages().get(&name) {
            complete(message, known);
        }
        messages(types, &name, &mut message.messages);
        enums(types, &name, &mut message.enums);
    }
}

fn complete(message: &mut Message, known: &MessageDescriptor) {
    message.choice = known.choice;
    for field in &mut message.fields {
        let mut fields = known.fields.iter();
        field.required = fields.any(|own| own.name == field.name && own.required);
    }
}

fn enums(types: &Types, scope: &str, list: &mut [Enum]) {
    for one in list {
        if let Some(known) = types.enums().get(&full(scope, &one.name)) {
            complete_enum(one, known);
        }
    }
}

fn complete_enum(one: &mut Enum, known: &EnumDescriptor) {
    one.catch_all = known.catch_all;
    for value in &mut one.values {
        let mut values = known.values.iter();
        value.placeholder = values.any(|own| own.name == value.name && own.placeholder);
    }
}
