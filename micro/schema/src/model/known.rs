//! The messages that protobuf itself brings along, and the files they are in.

use crate::descriptor::FileDescriptorProto;

/// Which file a well-known name is in, if its JSON is unlike other messages'.
///
/// These files are everywhere where protobuf is, so a schema only names what is in them.
pub(crate) fn known_file(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("google.protobuf.")?;
    SPECIAL
        .iter()
        .find_map(|(file, names)| names.contains(&name).then_some(*file))
}

/// The file of HTTP rules, which are read as what methods have.
const HTTP: &str = "google/api/http.proto";

/// Files that are there for options alone.
const OPTIONS: [&str; 2] = [
    "google/protobuf/descriptor.proto",
    "google/api/annotations.proto",
];

/// Whether a file is Google's own: well-known messages, or what options are made of. `files` are
/// those beside it.
pub(super) fn is_own(file: &FileDescriptorProto, files: &[FileDescriptorProto]) -> bool {
    let imports = |other: &FileDescriptorProto| {
        !OPTIONS.contains(&&*other.name) && other.dependency.iter().any(|name| name == HTTP)
    };
    match &*file.name {
        HTTP => !files.iter().any(imports),
        name => OPTIONS.contains(&name) || SPECIAL.iter().any(|(special, _)| name == *special),
    }
}

/// Files of well-known messages, and the names in each.
const SPECIAL: [(&str, &[&str]); 7] = [
    ("google/protobuf/any.proto", &["Any"]),
    ("google/protobuf/duration.proto", &["Duration"]),
    ("google/protobuf/empty.proto", &["Empty"]),
    ("google/protobuf/field_mask.proto", &["FieldMask"]),
    (
        "google/protobuf/struct.proto",
        &["Struct", "Value", "ListValue", "NullValue"],
    ),
    ("google/protobuf/timestamp.proto", &["Timestamp"]),
    (
        "google/protobuf/wrappers.proto",
        &[
            "DoubleValue",
            "FloatValue",
            "Int64Value",
            "UInt64Value",
            "Int32Value",
            "UInt32Value",
            "BoolValue",
            "StringValue",
            "BytesValue",
        ],
    ),
];
