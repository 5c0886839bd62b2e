//! Python's protobuf reads the descriptors, bytes and JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use micro::codec::Message;
use micro::schema::Types;
use micro::schema::descriptor::FileDescriptorSet;

use super::model::{self, Torture};

const MEMORY: usize = 1 << 20;

/// A temporary directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("micro-messages-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[test]
#[ignore = "needs MICRO_TEST_PYTHON: an interpreter with the package protobuf"]
fn needs_python_reads_and_writes_our_messages() {
    let python = std::env::var("MICRO_TEST_PYTHON").expect("MICRO_TEST_PYTHON names a Python");
    let scratch = Scratch::new();
    let mut types = Types::default();
    let name = Torture::describe(&mut types);
    let mut set = Vec::new();
    FileDescriptorSet {
        file: micro::schema::files(&types).unwrap(),
    }
    .encode(&mut set);
    scratch.write("set.bin", &set);
    let messages = [("full", model::full()), ("sparse", model::sparse())];
    for (name, message) in &messages {
        let (mut bytes, mut json) = (Vec::new(), Vec::new());
        message.encode(&mut bytes);
        message.encode_json(&mut json).unwrap();
        scratch.write(&format!("{name}.bin"), &bytes);
        scratch.write(&format!("{name}.json"), &json);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/messages.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&scratch.0)
        .arg(name)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for (name, message) in messages {
        for file in [format!("{name}.back.bin"), format!("{name}.unknown.bin")] {
            let read = Torture::decode(&scratch.read(&file).into(), MEMORY).unwrap();
            assert_eq!(read, message, "{file}");
        }
        let json = scratch.read(&format!("{name}.back.json"));
        assert_eq!(Torture::decode_json(&json, MEMORY).unwrap(), message);
    }
}
