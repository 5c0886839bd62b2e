//! Bodies of gRPC, gRPC-Web and Connect: where they are cut must make no difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro::server::fuzz::{frames, text_frames};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, body)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(first % 16) + 1;
    match first / 64 {
        0 => {
            // A piece of text that is broken somewhere loses what stands before it in the piece.
            let (messages, error) = text_frames(body, size);
            let (whole, broken) = text_frames(body, usize::MAX);
            assert_eq!(error.is_some(), broken.is_some());
            assert!(error.is_some() || messages == whole);
        }
        1 => assert_eq!(frames(body, size, None), frames(body, usize::MAX, None)),
        kind => {
            let encoding = Some(if kind == 2 { "gzip" } else { "zstd" });
            assert_eq!(
                frames(body, size, encoding),
                frames(body, usize::MAX, encoding)
            );
        }
    }
});
