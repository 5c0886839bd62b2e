//! What `micro-build` makes of `.proto` files: it compiles, and says on the wire what they say.

mod any;
#[expect(deprecated, reason = "some of the messages are")]
mod descriptors;
mod random;
mod served;
#[expect(deprecated, reason = "some of the messages are")]
mod trips;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// What build.rs made.
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_qualifications,
    clippy::doc_markdown,
    reason = "the files are as they are, and not all of them is used"
)]
mod generated {
    micro::include_proto!();
}

/// The same files as prost-reflect has them.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let files = ["deep", "http", "names", "streams", "types"];
    let mut files: Vec<_> = files.map(|name| format!("awkward/{name}.proto")).into();
    files.push("nopackage.proto".to_owned());
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/../micro-build/proto");
    let mut compiler = protox::Compiler::new([folder, known]).unwrap();
    compiler.include_imports(true).open_files(files).unwrap();
    // Read anew, because the compiler's own pool has facts from before options were understood.
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});

/// Calls `$with!` with every message that was generated.
macro_rules! every_message {
    ($with:ident) => {
        $with! {
            Bare, awkward::v1::Option, awkward::v1::Result, awkward::v1::String, awkward::v1::Vec,
            awkward::v1::Box, awkward::v1::Context, awkward::v1::Streaming_, awkward::v1::Self_,
            awkward::v1::Default, awkward::v1::Clone, awkward::v1::LowerCase,
            awkward::v1::LowerCase_, awkward::v1::ContractClient_, awkward::v1::Keywords,
            awkward::v1::Deep, awkward::v1::deep_::Inner, awkward::v1::Gone,
            awkward::v1::Replaced, awkward::v1::UsesReplaced, awkward::v1::Nothing,
            awkward::v1::Own, awkward::v1::Scalars, awkward::v1::Optionals, awkward::v1::Lists,
            awkward::v1::Maps, awkward::v1::Choice, awkward::v1::Tree, awkward::v1::tree::Branch,
            awkward::v1::tree::branch::Leaf, awkward::v1::WellKnown, awkward::v1::Uses,
            awkward::v1::Item, awkward::v1::UsesState, awkward::v1::deep::Below, other::Public,
            other::Common, other::common::Inner
        }
    };
}
use every_message;

/// The runtime writes these files out, micro-build reads them; a package is published without its
/// neighbours, so each has its own.
#[test]
fn the_rules_of_http_are_the_same_in_both_packages() {
    macro_rules! read {
        ($path:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $path))
        };
    }
    assert_eq!(
        read!("micro/schema/src/proto/google/annotations.proto"),
        read!("micro-build/proto/google/api/annotations.proto")
    );
    assert_eq!(
        read!("micro/schema/src/proto/google/http.proto"),
        read!("micro-build/proto/google/api/http.proto")
    );
}
