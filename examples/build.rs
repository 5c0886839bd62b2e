//! Generates the messages and services of 07_from_proto from a `.proto` file.

fn main() -> Result<(), micro_build::Error> {
    micro_build::compile("07_from_proto/shop.proto")
}
