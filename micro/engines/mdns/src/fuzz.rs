//! Entry points for fuzzing: they process untrusted network input without a network. Not public
//! API.

use std::hint::black_box;
use std::time::Duration;

use crate::packet::{Announcement, Message, announcement, parse};
use crate::txt;
use micro_registry::Node;

/// Parses a datagram.
pub fn packet(bytes: &[u8]) {
    let Some(Message::Answer(told)) = parse(bytes) else {
        return;
    };
    for told in told {
        let Announcement::Node(instance) = told else {
            continue;
        };
        black_box(instance.meanings().count());
        let mut address = None;
        let node = instance.node(|addresses| {
            address = addresses.first().copied();
            addresses.to_vec()
        });
        if let (Some(node), Some(address)) = (node, address)
            && let Ok(bytes) =
                announcement(&node, &[address], Duration::from_secs(60), (None, None))
        {
            black_box(parse(&bytes));
        }
    }
}

/// Parses a node's properties from the JSON of a TXT record, and checks that writing and reading
/// them again gives the same result.
///
/// # Panics
///
/// Panics if the result differs.
pub fn record(json: &[u8]) {
    let decode = |pieces: &[String]| txt::decode(pieces.iter().map(String::as_bytes));
    let Some(found) = decode(&txt::pack(json)) else {
        return;
    };
    let mut node = Node::new(&found.service, "id", "127.0.0.1:1");
    node.version.clone_from(&found.version);
    node.metadata.clone_from(&found.metadata);
    node.methods.clone_from(&found.methods);
    let (written, text) = txt::encode_measured(&node, true);
    let hex = written.iter().map(String::len).sum::<usize>();
    if hex <= txt::MAX_HEX && text <= txt::MAX_TEXT {
        assert_eq!(decode(&written), Some(found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_survived() {
        let mut random = fastrand::Rng::with_seed(19);
        let node = Node::new("greeter", "greeter-1", "127.0.0.1:7").with_metadata("zone", "a");
        let addresses = ["127.0.0.1".parse().unwrap()];
        let good = announcement(&node, &addresses, Duration::from_secs(60), (None, None)).unwrap();
        let json = br#"{"Service":"greeter","Version":"1","Endpoints":[{"name":"Greeter.Hello"}]}"#;
        packet(&good);
        record(json);
        for _ in 0..2_000 {
            for (bytes, read) in [(&good[..], packet as fn(&[u8])), (json, record)] {
                let mut bytes = bytes.to_vec();
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
                bytes.truncate(random.usize(at..=bytes.len()));
                read(&bytes);
            }
        }
    }
}
