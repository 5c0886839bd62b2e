//! A schema as `.proto` files, for programs in other languages.
//!
//! The files contain exactly what the descriptors contain: parsing them gives the same descriptors.
//! Options for the generator of one language, such as `go_package`, are left to the users of the
//! files.

mod names;
mod print;
pub(crate) mod valid;

use std::path::{Path, PathBuf};

use crate::model::Schema;
use crate::proto::names::Names;
use crate::proto::print::Printer;
use crate::text::save;
use micro_message::error::{Error, Result};

const ANNOTATIONS: &str = "google/api/annotations.proto";

/// The files that methods with HTTP rules import. They are not part of protobuf.
const GOOGLE: [(&str, &str); 2] = [
    (ANNOTATIONS, include_str!("google/annotations.proto")),
    ("google/api/http.proto", include_str!("google/http.proto")),
];

impl Schema {
    /// Returns the `.proto` files as pairs of name and text.
    ///
    /// Each package is one file. Packages that use each other are split into several files. If a
    /// method has HTTP rules, the result contains `google/api/annotations.proto` and
    /// `google/api/http.proto`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when a name is defined twice or is not valid in protobuf, or when a
    /// message is used that the schema does not contain.
    pub fn proto(&self) -> Result<Vec<(String, String)>> {
        valid::check(self)?;
        let names = Names::new(self);
        let files = self.files().iter().map(|file| {
            let text = Printer::new(&names, file).print()?;
            Ok((file.name.clone(), text))
        });
        let mut files = files.collect::<Result<Vec<_>>>()?;
        if files.iter().any(|(_, text)| text.contains(ANNOTATIONS)) {
            let missing = GOOGLE
                .iter()
                .filter(|(name, _)| self.files().iter().all(|file| file.name != *name));
            files.extend(missing.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        }
        Ok(files)
    }

    /// Writes the `.proto` files into a directory and returns their paths. Missing directories are
    /// created.
    ///
    /// Unchanged files are not written again. Existing files of Google's annotations are kept,
    /// whatever their version. Files of packages that were removed are not deleted.
    ///
    /// # Errors
    ///
    /// As [`Schema::proto`]; `Internal` when a file cannot be written.
    pub fn write_proto(&self, directory: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let directory = directory.as_ref();
        let mut paths = Vec::new();
        for (name, text) in self.proto()? {
            let path = directory.join(&name);
            let parent = path.parent().unwrap_or(directory);
            std::fs::create_dir_all(parent).map_err(|error| {
                Error::internal(format!("cannot create `{}`", parent.display())).with_source(error)
            })?;
            let given = GOOGLE.iter().any(|(google, _)| *google == name) && path.exists();
            if !given {
                save(&path, &text)?;
            }
            paths.push(path);
        }
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Label;
    use crate::model::sample::{field, sample};
    use crate::model::{File, Kind, Message};

    fn text(schema: &Schema) -> String {
        schema.proto().unwrap().remove(0).1
    }

    #[test]
    fn everything_is_printed() {
        let text = text(&sample());
        for piece in [
            "syntax = \"proto3\";\n\npackage shop;\n\nimport \"google/api/annotations.proto\";\n",
            "// A thing to buy.\n//\n// It may hold <script> and */ and \"quotes\".\nmessage Item",
            "  reserved 9, 20 to 29;\n  reserved \"size\";\n",
            "  // What it is.\n  string sku = 1;\n  optional uint32 count = 2;\n",
            "  map<string, int64> prices = 3 [json_name = \"perShop\"];\n",
            "  oneof payment {\n    string card = 4;\n    Cash cash = 5;\n  }\n",
            "  repeated Item parts = 7;\n",
            "  google.protobuf.Timestamp made_at = 8 [deprecated = true];\n",
            "  repeated sint32 sizes = 13 [packed = false];\n",
            "  COLOUR_RED = 1 [deprecated = true];\n",
            "  rpc Watch(google.protobuf.Empty) returns (stream Item);\n",
            "    option idempotency_level = IDEMPOTENT;\n",
            "      get: \"/v1/items/{sku}\"\n",
            "      additional_bindings { post: \"/v1/items\" body: \"*\" }\n",
        ] {
            assert!(text.contains(piece), "no {piece} in {text}");
        }
    }

    #[test]
    fn deprecations_and_comments_of_services_methods_and_oneofs_are_printed() {
        let mut schema = sample();
        let file = &mut schema.files[0];
        let doc = ("payment".to_owned(), "How it is paid.".to_owned());
        file.messages[0].oneof_docs.extend([doc]);
        file.services[0].deprecated = true;
        file.services[0].methods[1].deprecated = true;
        let text = text(&schema);
        for piece in [
            "  // How it is paid.\n  oneof payment {\n",
            "service Cart {\n  option deprecated = true;\n",
            "  rpc Watch(google.protobuf.Empty) returns (stream Item) {\n    \
             option deprecated = true;\n  }\n",
        ] {
            assert!(text.contains(piece), "no {piece} in {text}");
        }
        assert_eq!(Schema::parse(&schema.text()).unwrap(), schema);
    }

    #[test]
    fn annotations_are_included_only_when_needed() {
        let mut schema = sample();
        let names = |schema: &Schema| -> Vec<String> {
            schema
                .proto()
                .unwrap()
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        assert_eq!(
            names(&schema),
            ["shop.proto", ANNOTATIONS, "google/api/http.proto"]
        );
        schema.files[0].services[0].methods[0].http.clear();
        assert_eq!(names(&schema), ["shop.proto"]);
    }

    #[test]
    fn a_shadowed_name_is_printed_in_full() {
        let message = |name: &str, fields| Message {
            name: name.to_owned(),
            fields,
            ..Message::default()
        };
        let one =
            |tag, name, kind: &str| field(tag, name, Label::Single, Kind::Message(kind.to_owned()));
        let mut outer = message(
            "Outer",
            vec![one(1, "item", "a.b.Item"), one(2, "own", "a.b.Outer.Item")],
        );
        outer.messages = vec![message("Item", Vec::new())];
        let other = message(
            "Other",
            vec![one(1, "x", "b.Far"), one(2, "item", "a.b.Item")],
        );
        let file = |name: &str, package: &str, messages| File {
            name: name.to_owned(),
            package: package.to_owned(),
            messages,
            ..File::default()
        };
        let schema = Schema {
            files: vec![
                file(
                    "a.b.proto",
                    "a.b",
                    vec![message("Item", Vec::new()), other, outer],
                ),
                file("b.proto", "b", vec![message("Far", Vec::new())]),
            ],
        };
        let text = text(&schema);
        for line in [
            "  a.b.Item item = 1;",
            "  Item own = 2;",
            "  .b.Far x = 1;",
            "  Item item = 2;",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }

    #[test]
    fn a_message_with_the_name_of_a_method_is_printed_in_full() {
        let mut schema = sample();
        schema.files[0].messages[0].name = "Watch".to_owned();
        let text = text(&rename(&schema, "shop.Item", "shop.Watch"));
        let line = "  rpc Watch(google.protobuf.Empty) returns (stream shop.Watch);";
        assert!(text.contains(line), "no {line} in {text}");
        assert!(text.contains("  repeated Watch parts = 7;"), "{text}");
    }

    fn rename(schema: &Schema, old: &str, new: &str) -> Schema {
        let text = schema.text();
        Schema::parse(&text.replace(old, new)).unwrap()
    }

    #[test]
    fn schemas_that_protobuf_cannot_express_are_rejected() {
        for (change, expected) in [
            (
                (|schema| schema.files[0].messages[0].name = "Größe".to_owned()) as fn(&mut Schema),
                "`shop.Größe` is not a valid name in protobuf",
            ),
            (
                |schema| schema.files[0].enums[0].values[1].name = "Item".to_owned(),
                "`shop.Item` is defined twice",
            ),
            (
                |schema| {
                    let mut other = schema.files[0].enums[0].clone();
                    other.name = "Shade".to_owned();
                    schema.files[0].enums.push(other);
                },
                "is defined twice, by `shop.Colour` and by `shop.Shade`",
            ),
            (
                |schema| {
                    let values = &mut schema.files[0].enums[0].values;
                    let mut other = values[1].clone();
                    (other.name, other.number) = ("Red".to_owned(), 77);
                    values.push(other);
                },
                "`COLOUR_RED` and `Red` of `shop.Colour` are the same name in protobuf",
            ),
            (
                |schema| {
                    let entry = Message {
                        name: "PricesEntry".to_owned(),
                        ..Message::default()
                    };
                    schema.files[0].messages[0].messages.push(entry);
                },
                "`shop.Item.PricesEntry` is defined twice, by `shop.Item`",
            ),
            (
                |schema| {
                    schema.files.push(File {
                        name: "inner.proto".to_owned(),
                        package: "shop.Item.inner".to_owned(),
                        ..File::default()
                    });
                },
                "`shop.Item` is the name of a package, and `shop.Item` defines the same name",
            ),
            (
                |schema| schema.files[0].messages[0].fields[0].json_name = "raw".to_owned(),
                "`sku` and `raw` of `shop.Item` are both `raw` in JSON",
            ),
            (
                |schema| schema.files[0].services[0].methods[0].request = "x.Gone".to_owned(),
                "`x.Gone` is used, but not defined",
            ),
        ] {
            let mut schema = sample();
            change(&mut schema);
            let error = schema.proto().unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
    }

    #[test]
    fn files_are_written_and_existing_ones_of_google_are_kept() {
        let directory = std::env::temp_dir().join(format!("micro-proto-{}", std::process::id()));
        let paths = sample().write_proto(&directory).unwrap();
        assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), text(&sample()));
        std::fs::write(&paths[1], "theirs").unwrap();
        sample().write_proto(&directory).unwrap();
        assert_eq!(std::fs::read_to_string(&paths[1]).unwrap(), "theirs");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
