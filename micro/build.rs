//! Needed by `links = "micro"`, which lets Cargo refuse two versions of micro in one program.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
