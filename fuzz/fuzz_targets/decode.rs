//! Bytes into messages: protobuf or JSON by the first byte; what is read must survive a trip.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/all/message/model.rs"]
mod model;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use micro::codec::Message;

const MEMORY: usize = 64 << 10;

fn protobuf<M: Message>(bytes: &[u8]) {
    if let Ok(message) = M::decode(&Bytes::copy_from_slice(bytes), MEMORY) {
        let mut out = Vec::new();
        message.encode(&mut out);
        let again = M::decode(&out.clone().into(), usize::MAX).expect("our own bytes are good");
        let mut twice = Vec::new();
        again.encode(&mut twice);
        // The order within a hash map may differ, the length may not.
        assert_eq!(out.len(), twice.len());
        let mut json = Vec::new();
        if message.encode_json(&mut json).is_ok() {
            M::decode_json(&json, usize::MAX).expect("our own JSON is good");
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, bytes)) => {
            if let Ok(message) = model::Torture::decode_json(bytes, MEMORY) {
                let mut out = Vec::new();
                if message.encode_json(&mut out).is_ok() {
                    model::Torture::decode_json(&out, usize::MAX).expect("our own JSON is good");
                }
            }
        }
        Some((1, bytes)) => protobuf::<model::Shape>(bytes),
        Some((2, bytes)) => protobuf::<model::Tree>(bytes),
        _ => protobuf::<model::Torture>(bytes),
    }
});
