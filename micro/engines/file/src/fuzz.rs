//! Entry points for fuzzing the recovery of segment and group files. Not a public API.

use std::sync::Arc;

use crate::crc::crc32c;
use crate::frame::{self, FRAME_HEAD};
use crate::segment::scanned;
use crate::{group, segment};

/// Recovers a segment file built from the input. Every piece of the input between two marks gets
/// the length and checksum of a frame, because a fuzzer cannot guess these.
///
/// # Panics
///
/// Panics if recovery panics, or if a second recovery returns a different result.
pub fn records(input: &[u8]) {
    let (base, input) = match input.split_first_chunk::<8>() {
        Some((base, rest)) => (u64::from_le_bytes(*base), rest),
        None => (0, input),
    };
    let mut bytes = segment::head(base, 0);
    for (at, piece) in input.split(|&byte| byte == MARK).enumerate() {
        let start = bytes.len();
        if at % 2 == 1 {
            let length = u32::try_from(piece.len()).expect("a short input");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(piece);
        if at % 2 == 1 {
            let sum = frame::checksum(&bytes[start..]);
            bytes[start + 4..start + FRAME_HEAD].copy_from_slice(&sum.to_le_bytes());
        }
    }
    recovered(&bytes, base);
    let topic: Arc<str> = "topic".into();
    for from in 0..bytes.len() {
        if let Some(frame) = frame::read(&bytes[from..]) {
            drop(frame.record(&topic));
        }
    }
}

/// Checks that recovery is idempotent, and that every offset has a position before the end.
fn recovered(bytes: &[u8], base: u64) {
    let found = scanned(bytes, (base, 0), None);
    assert!((segment::SEGMENT_HEAD..=bytes.len() as u64).contains(&found.end));
    // Damaged segments are not truncated.
    let end = usize::try_from(found.end).ok().filter(|_| found.is_whole());
    let end = end.unwrap_or(bytes.len());
    let again = scanned(&bytes[..end], (base, 0), None);
    assert_eq!((found.end, found.next), (again.end, again.next));
    assert_eq!(found.last, again.last);
    assert_eq!(found.is_whole(), again.is_whole());
    let closed = scanned(bytes, (base, 0), Some(found.next));
    assert!(found.next >= base && closed.next >= found.next);
    for offset in (base..found.next).take(100) {
        assert!(found.seek(offset) < found.end, "{offset}");
    }
}

/// Byte that starts and ends a piece of the input that becomes a frame.
const MARK: u8 = 0xfe;

/// Reads a group file built from the input. Every 17 bytes become a step with a checksum. Remaining
/// bytes are appended without one.
///
/// # Panics
///
/// Panics if reading panics, or if the rewritten file contains different progress.
pub fn progress(input: &[u8]) {
    let mut bytes = group::head();
    let (steps, rest) = input.as_chunks::<17>();
    for step in steps {
        bytes.extend_from_slice(step);
        bytes.extend_from_slice(&crc32c(step, &[]).to_le_bytes());
    }
    bytes.extend_from_slice(rest);
    let found = group::read(&bytes);
    let back = group::read(&group::bytes(&found.progress));
    assert_eq!(found.progress, back.progress);
    assert!(back.is_whole());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_survived() {
        let mut random = fastrand::Rng::with_seed(13);
        let mut input = vec![0; 8];
        for offset in 0..9_u64 {
            input.push(MARK);
            input.extend_from_slice(&offset.to_le_bytes());
            input.extend_from_slice(&[0; 8 + 1 + 2 + 2 + 2 + 2]);
            input.push(MARK);
        }
        records(&input);
        for _ in 0..2_000 {
            let mut bytes = input.clone();
            for _ in 0..random.usize(..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(..=bytes.len()));
            records(&bytes);
            progress(&bytes);
        }
    }
}
