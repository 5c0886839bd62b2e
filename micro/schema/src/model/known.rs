//! The well-known messages of protobuf, and the files that define them.

use crate::descriptor::FileDescriptorProto;

/// The file of a well-known message with a special JSON form.
///
/// Every protobuf installation contains these files, so a schema only refers to their messages.
pub(crate) fn known_file(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("google.protobuf.")?;
    SPECIAL
        .iter()
        .find_map(|(file, names)| names.contains(&name).then_some(*file))
}

/// The file of HTTP rules, which become [`Method::http`](crate::model::Method::http).
const HTTP: &str = "google/api/http.proto";

/// Files that only define options.
const OPTIONS: [&str; 2] = [
    "google/protobuf/descriptor.proto",
    "google/api/annotations.proto",
];

/// Whether a file is one of Google's own: well-known messages, or the definitions of options.
/// `files` are all files of the schema.
pub(super) fn is_own(file: &FileDescriptorProto, files: &[FileDescriptorProto]) -> bool {
    let imports = |other: &FileDescriptorProto| {
        !OPTIONS.contains(&&*other.name) && other.dependency.iter().any(|name| name == HTTP)
    };
    match &*file.name {
        HTTP => !files.iter().any(imports),
        name => OPTIONS.contains(&name) || SPECIAL.iter().any(|(special, _)| name == *special),
    }
}

/// The files of well-known messages, and the messages in each.
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
