//! Generates messages and services from the unusual `.proto` files that `all/proto/` tests.

fn main() -> Result<(), micro_build::Error> {
    let files = ["deep", "http", "names", "streams", "types"];
    micro_build::Config::new()
        .files(files.map(|name| format!("proto/awkward/{name}.proto")))
        .file("proto/nopackage.proto")
        .include("proto")
        .attribute("other", "#[derive(Eq, Hash)]")
        .compile()
}
