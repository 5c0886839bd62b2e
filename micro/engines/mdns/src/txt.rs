//! A node's version, metadata and methods, encoded as in Go Micro's TXT record.
//!
//! The text is JSON, compressed by zlib, encoded in hexadecimal, and split into strings of 255
//! bytes. This module does not depend on DNS.

use std::collections::BTreeMap;

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde_json::{Value, json};

use micro_registry::Node;

/// Maximum length of a character string in a TXT record, in bytes.
const MAX_STRING: usize = 255;
/// Maximum number of hexadecimal digits that are read. More would not fit into a datagram.
pub(super) const MAX_HEX: usize = 64 * 1024;
/// Maximum size of the inflated text, in bytes.
pub(super) const MAX_TEXT: usize = 64 * 1024;
/// Version that Go Micro writes for "no version". It ignores changes of nodes without a version.
const NO_VERSION: &str = "latest";

/// The contents of a TXT record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Txt {
    pub(super) service: String,
    pub(super) version: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) methods: Vec<String>,
}

/// Encodes the strings of a node's TXT record.
#[cfg(test)]
pub(super) fn encode(node: &Node, with_methods: bool) -> Vec<String> {
    encode_measured(node, with_methods).0
}

/// Like `encode`, and also returns the length of the uncompressed text.
pub(super) fn encode_measured(node: &Node, with_methods: bool) -> (Vec<String>, usize) {
    let methods = if with_methods { &node.methods[..] } else { &[] };
    let endpoints: Vec<Value> = methods
        .iter()
        .map(|path| to_endpoint(&node.service, path))
        .collect();
    let version = if node.version.is_empty() {
        NO_VERSION
    } else {
        &node.version
    };
    let text = json!({
        "Service": node.service,
        "Version": version,
        "Endpoints": endpoints,
        "Metadata": node.metadata,
    });
    let text = text.to_string();
    (pack(text.as_bytes()), text.len())
}

/// Compresses and splits a text.
pub(super) fn pack(text: &[u8]) -> Vec<String> {
    let hex = to_hex(&compress_to_vec_zlib(text, 6));
    let pieces = hex.as_bytes().chunks(MAX_STRING);
    pieces
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect()
}

/// Decodes the strings of a record. Returns `None` for anything that neither Go Micro nor this
/// crate would write.
pub(super) fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Txt> {
    decode_within(pieces, MAX_TEXT, &mut 0)
}

/// Like [`decode`], but inflates at most `limit` bytes of text. Sets `read` to the number of
/// inflated bytes, whether or not they are valid, because that is the cost.
pub(super) fn decode_within<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limit: usize,
    read: &mut usize,
) -> Option<Txt> {
    let limit = limit.min(MAX_TEXT);
    let mut hex = Vec::new();
    for piece in pieces {
        hex.extend_from_slice(piece);
        if hex.len() > MAX_HEX {
            return None;
        }
    }
    let packed = from_hex(&hex)?;
    // Text that cannot be inflated may have cost as much as the limit.
    *read = limit;
    let text = decompress_to_vec_zlib_with_limit(&packed, limit).ok()?;
    *read = text.len();
    let value: Value = serde_json::from_slice(&text).ok()?;
    let service = value["Service"].as_str()?.to_owned();
    let version = value["Version"].as_str().unwrap_or_default();
    let mut metadata = BTreeMap::new();
    for (key, value) in value["Metadata"].as_object().into_iter().flatten() {
        metadata.insert(key.clone(), value.as_str()?.to_owned());
    }
    let endpoints = value["Endpoints"].as_array().into_iter().flatten();
    let methods = endpoints
        .filter_map(|endpoint| to_path(&service, endpoint))
        .collect();
    let version = if version == NO_VERSION {
        String::new()
    } else {
        version.to_owned()
    };
    Some(Txt {
        service,
        version,
        metadata,
        methods,
    })
}

/// Go Micro writes `/greeter.Greeter/Hello` as `Greeter.Hello` and adds the service in front again.
/// If that would give a different path, the full path is written as well.
fn to_endpoint(service: &str, path: &str) -> Value {
    let mut segments = path.trim_start_matches('/').split('/');
    let (head, method) = (segments.next().unwrap_or_default(), segments.next());
    let class = head.rsplit('.').next().unwrap_or_default();
    let name = method.map_or_else(|| path.to_owned(), |method| format!("{class}.{method}"));
    let metadata = if usual_path(service, &name).as_deref() == Some(path) {
        json!({})
    } else {
        json!({ "path": path })
    };
    // Tools of Go Micro read the fields of both without a check, so they must not be null.
    let value = || json!({ "name": "", "type": "", "values": [] });
    json!({ "name": name, "request": value(), "response": value(), "metadata": metadata })
}

fn to_path(service: &str, endpoint: &Value) -> Option<String> {
    let told = endpoint["metadata"]["path"].as_str().map(str::to_owned);
    told.or_else(|| usual_path(service, endpoint["name"].as_str()?))
}

fn usual_path(service: &str, name: &str) -> Option<String> {
    let (class, method) = name.split_once('.')?;
    Some(format!("/{service}.{class}/{method}"))
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

pub(super) fn from_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let pairs = hex.chunks(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_TXT: &str = "\
        789c8d91b14ec4300c86dfc573854e87c4d01521ddc202120bdc10daa844b87670dc43a72aef8e53e57a\
        882e2c89f3c5bf7fc799e1d9cb29741e5af8f088fccd823d34f0e2250526c3e8d42735f4407de4409aa0\
        7d9d41fcd754783b03b9b1e8ef1de253a50de8396ee1c9a1458bbe8a966dcd4e2a81865f893421e6636e\
        cc2e45a6e4377e15ff315ce9d6714cc37f0c47afae77eaccd04e557b584774537c201f1b78bc26c2bbf0\
        a797324bd5685589b5c8dea6ddeeb62bebfe6e894b675158b963b4fb416207e58d43b086cea5c99e9291\
        649fb3d4ab192a8eec69a21794f30f13ad97f3";

    fn read(pieces: &[String]) -> Option<Txt> {
        decode(pieces.iter().map(String::as_bytes))
    }

    #[test]
    fn everything_survives() {
        let node = Node::new("mail-box", "a", "127.0.0.1:1")
            .with_version("1.2.3")
            .with_metadata("zone", "ü")
            .with_methods(["/mail_box.MailBox/Send", "/mail-box.MailBox/Get", "/odd"]);
        let txt = read(&encode(&node, true)).unwrap();
        assert_eq!(txt.service, "mail-box");
        assert_eq!(txt.version, "1.2.3");
        assert_eq!(txt.metadata, node.metadata);
        assert_eq!(txt.methods, node.methods);
        assert!(read(&encode(&node, false)).unwrap().methods.is_empty());
    }

    #[test]
    fn requests_and_responses_are_values_that_go_micro_can_read() {
        let node =
            Node::new("greeter", "a", "127.0.0.1:1").with_methods(["/greeter.Greeter/Hello"]);
        let hex = encode(&node, true).concat();
        let packed = from_hex(hex.as_bytes()).unwrap();
        let text = decompress_to_vec_zlib_with_limit(&packed, MAX_TEXT).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        let endpoint = &value["Endpoints"][0];
        assert_eq!(endpoint["name"], "Greeter.Hello");
        for part in ["request", "response"] {
            let part = &endpoint[part];
            assert!(
                part["name"].is_string() && part["type"].is_string(),
                "{part}"
            );
            assert!(part["values"].is_array(), "{part}");
        }
    }

    #[test]
    fn pieces_are_cut_at_255() {
        let methods = (0..200).map(|n| format!("/greeter.Greeter/Method{}", n * 7919));
        let node = Node::new("greeter", "a", "127.0.0.1:1").with_methods(methods);
        let pieces = encode(&node, true);
        assert!(pieces.len() > 2);
        let (last, full) = pieces.split_last().unwrap();
        assert!(full.iter().all(|piece| piece.len() == 255) && last.len() <= 255);
        assert_eq!(read(&pieces).unwrap().methods, node.methods);
    }

    #[test]
    fn go_micros_record_is_read() {
        // Written by Python's zlib from the JSON of Go: keys in Go's order, nulls, escapes.
        assert_eq!(
            decode(GO_TXT.as_bytes()[..100].chunks(255)),
            None,
            "cut short"
        );
        let whole = GO_TXT.as_bytes();
        let txt = decode(whole.chunks(255)).unwrap();
        assert_eq!(txt.service, "helloworld");
        assert_eq!(txt.version, "");
        assert_eq!(txt.methods, ["/helloworld.Helloworld/Call"]);
        assert_eq!(txt.metadata["protocol"], "grpc");
        assert_eq!(txt.metadata["note"], "<&>");
    }

    #[test]
    fn hostile_text_is_refused() {
        let keys = r#"{"name":"A.B"},"#.repeat(17_000);
        let keys = format!(r#"{{"Service":"a","Endpoints":[{keys}{{}}]}}"#);
        let many = to_hex(&compress_to_vec_zlib(keys.as_bytes(), 6));
        let bomb = to_hex(&compress_to_vec_zlib(&vec![b' '; 1 << 20], 6));
        let deep = to_hex(&compress_to_vec_zlib("[".repeat(100_000).as_bytes(), 6));
        let odd = to_hex(&compress_to_vec_zlib(br#"{"Service":1}"#, 6));
        let long = "00".repeat(MAX_HEX);
        for text in ["", "0", "zz", "789c", &bomb, &many, &deep, &odd, &long] {
            assert_eq!(decode(text.as_bytes().chunks(255)), None);
        }
    }
}
