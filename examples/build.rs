//! For 07_from_proto: messages and services out of a `.proto` file.

fn main() -> Result<(), micro_build::Error> {
    micro_build::compile("07_from_proto/shop.proto")
}
