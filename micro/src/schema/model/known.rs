//! The messages that protobuf itself brings along, and the files they are in.

/// Which file a well-known name is in, if its JSON is unlike other messages'.
///
/// These files are everywhere where protobuf is, so a schema only names what is in them.
pub(in crate::schema) fn known_file(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("google.protobuf.")?;
    SPECIAL
        .iter()
        .find_map(|(file, names)| names.contains(&name).then_some(*file))
}

/// Files of well-known messages, and the names in each.
pub(in crate::schema) const SPECIAL: [(&str, &[&str]); 7] = [
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
