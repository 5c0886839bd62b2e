//! Full protobuf names, built at run time by the expansion of `#[micro::message]`.

use crate::codec::field::Element;
use crate::codec::types::{Kind, Types};

/// The protobuf package of a crate: the crate's name with `_` for `-`.
pub fn package(krate: &str) -> String {
    krate.replace('-', "_")
}

/// A type's name followed by the names of its parameters: `Page_Item`.
pub fn name(name: &str, parameters: &[String]) -> String {
    let mut name = name.to_owned();
    for parameter in parameters {
        name.push('_');
        name.push_str(parameter);
    }
    name
}

/// The name of a type parameter, without its package.
pub fn name_of<T: Element>() -> String {
    let name = match T::kind(&mut Types::default()) {
        Kind::Double => "Double",
        Kind::Float => "Float",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "Int32",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "Int64",
        Kind::Uint32 | Kind::Fixed32 => "UInt32",
        Kind::Uint64 | Kind::Fixed64 => "UInt64",
        Kind::Bool => "Bool",
        Kind::String => "String",
        Kind::Bytes => "Bytes",
        Kind::Message(name) | Kind::Enum(name) => {
            return name.rsplit('.').next().unwrap_or(&name).to_owned();
        }
    };
    name.to_owned()
}
