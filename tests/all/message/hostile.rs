//! Random and damaged bytes cause errors, never a panic and never more memory than allowed.

use allocation_counter::measure;
use bytes::Bytes;
use micro::codec::Message;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::{self, Shape, Torture, Tree};

const MEMORY: usize = 64 << 10;

/// Allocations besides the message itself: temporary boxes of its top struct, and the error.
const SLACK: u64 = 16 << 10;

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let outcome = TestRunner::new_with_rng(config, seed).run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Decodes within the memory limit. A decoded message survives another round trip.
fn read<M: Message>(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut result = None;
    let used = measure(|| result = Some(M::decode(&bytes, MEMORY)));
    assert!(
        used.bytes_max <= MEMORY as u64 + SLACK,
        "{} bytes of memory",
        used.bytes_max
    );
    if let Some(Ok(message)) = result {
        let mut out = Vec::new();
        message.encode(&mut out);
        assert!(
            M::decode(&out.clone().into(), usize::MAX).is_ok(),
            "{out:?}"
        );
    }
}

fn read_json<M: Message>(text: &[u8]) {
    let mut result = None;
    let used = measure(|| result = Some(M::decode_json(text, MEMORY)));
    // A JSON text with escapes is copied once. Unknown fields are not kept.
    let allowed = MEMORY as u64 + SLACK + 4 * text.len() as u64;
    assert!(
        used.bytes_max <= allowed,
        "{} bytes of memory",
        used.bytes_max
    );
    if let Some(Ok(message)) = result {
        let mut out = Vec::new();
        if message.encode_json(&mut out).is_ok() {
            M::decode_json(&out, usize::MAX).unwrap();
        }
    }
}

/// Applies changes: overwrite, insert, remove, or repeat a range.
fn damage(mut bytes: Vec<u8>, edits: &[(u8, usize, u8, usize)]) -> Vec<u8> {
    for &(kind, at, value, len) in edits {
        let at = at % (bytes.len() + 1);
        let end = (at + len % 64).min(bytes.len());
        match kind % 4 {
            0 if at < bytes.len() => bytes[at] = value,
            1 => bytes.insert(at, value),
            2 => drop(bytes.drain(at..end)),
            _ => {
                let stretch = bytes[at..end].repeat(usize::from(value % 16));
                bytes.splice(at..at, stretch);
            }
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Vec<(u8, usize, u8, usize)>> {
    prop::collection::vec(any::<(u8, usize, u8, usize)>(), 1..8)
}

#[test]
fn random_bytes_are_read_or_refused() {
    run(
        20_000,
        &prop::collection::vec(any::<u8>(), 0..200),
        |bytes| {
            read::<Torture>(&bytes);
            read::<Tree>(&bytes);
            read::<Shape>(&bytes);
        },
    );
}

#[test]
fn damaged_bytes_are_read_or_refused() {
    let mut good = Vec::new();
    model::full().encode(&mut good);
    run(10_000, &edits(), |edits| {
        read::<Torture>(&damage(good.clone(), &edits));
    });
}

#[test]
fn damaged_json_is_read_or_refused() {
    let mut good = Vec::new();
    model::full().encode_json(&mut good).unwrap();
    run(5_000, &edits(), |edits| {
        read_json::<Torture>(&damage(good.clone(), &edits));
    });
}

#[test]
fn small_input_cannot_take_much_memory() {
    // Empty items of every repeated and boxed kind, many times.
    let lists: [&[u8]; 7] = [
        &[0x9a, 0x01, 0x00],             // numbers, packed, empty
        &[0xaa, 0x01, 0x00],             // texts
        &[0xb2, 0x01, 0x00],             // blobs
        &[0xba, 0x01, 0x00],             // items
        &[0xea, 0x01, 0x00],             // by_name
        &[0xf2, 0x01, 0x02, 0x08, 0x01], // by_number
        &[0xba, 0x02, 0x02, 0x12, 0x00], // tree { left }
    ];
    for list in lists {
        read::<Torture>(&list.repeat(100_000));
    }
    read::<Tree>(&[0x1a, 0x02, 0x12, 0x00].repeat(100_000));
    for json in [r#"{"children":[{}"#, r#"{"children":[{"left":{}}"#] {
        let item = json.split_once('[').unwrap().1;
        let text = format!("{json}{}]}}", format!(",{item}").repeat(50_000));
        read_json::<Tree>(text.as_bytes());
    }
}

#[test]
fn a_message_sent_again_and_again_takes_no_unbounded_time() {
    let mut tree = vec![0x12, 0xf0, 0x80, 0x03];
    tree.extend([0x1a, 0x00].repeat(24_632));
    let again = [0x12, 0x02, 0x08, 0x01].repeat(100_000);
    let bytes: Bytes = [tree, again].concat().into();
    let error = Tree::decode(&bytes, 64 << 20).unwrap_err();
    assert!(error.message().contains("memory"), "{error}");
}
